"""What the guard refuses, before any handler sees it."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from earthwire.proxy.admin.guard import Guard
from earthwire.proxy.admin.paths import LIVE_PATH

OWNER = {"Authorization": "Bearer owner-token"}
VIEWER = {"Authorization": "Bearer viewer-token"}
HOST = "127.0.0.1:4100"


def guard(listens_on: str = "127.0.0.1") -> Guard:
    result = Guard(listens_on, "owner-token", "viewer-token")
    result.port = 4100
    return result


def status(path: str, headers: dict[str, str], host: str = HOST, listens_on: str = "127.0.0.1") -> int:
    """Return the status of a refusal; 200 for what may pass."""
    problem = guard(listens_on).problem(make_mocked_request("GET", path, headers={"Host": host} | headers))
    return problem.status if problem else 200


@pytest.mark.parametrize("host", [HOST, "LocalHost:4100", "[::1]:4100"])
def test_names_of_this_machine_are_ours(host: str) -> None:
    assert status("/api/x", OWNER, host) == 200


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1", "127.0.0.1:4101", "evil.example:4100", "::1:4100", "[fd00::7]:4100"]
)
def test_other_names_and_ports_are_not(host: str) -> None:
    assert status("/api/x", OWNER, host) == 421


@pytest.mark.parametrize(
    ("listens_on", "host"), [("fd00::7", "[fd00::7]:4100"), ("10.1.2.3", "10.1.2.3:4100")]
)
def test_the_address_that_is_listened_on_is_ours(listens_on: str, host: str) -> None:
    assert status("/api/x", OWNER, host, listens_on) == 200


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:4100", 200),
        ("https://127.0.0.1:4100", 403),
        ("http://127.0.0.1:4101", 403),
        ("http://evil.example", 403),
        ("null", 403),
    ],
)
def test_pages_of_other_origins_are_refused(origin: str, expected: int) -> None:
    assert status("/api/x", OWNER | {"Origin": origin}) == expected


def test_a_refusal_repeats_no_more_than_a_hundred_characters() -> None:
    for headers in ({"Host": "h" * 900}, {"Host": HOST, "Origin": "o" * 900}):
        problem = guard().problem(make_mocked_request("GET", "/", headers=headers))
        assert problem is not None
        assert problem.text is not None
        assert "hhh" in problem.text or "ooo" in problem.text
        assert len(problem.text) < 300


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/healthz", {}, 200),
        ("/readyz", {}, 200),
        (LIVE_PATH, {}, 401),
        (LIVE_PATH, OWNER, 200),
        (LIVE_PATH, VIEWER, 200),
        ("/metrics", VIEWER, 401),
        ("/metrics", OWNER, 200),
        ("/metrics", {"Authorization": "bearer  owner-token "}, 200),
        ("/metrics", {"Authorization": "Basic owner-token"}, 401),
        ("/metrics", {"Authorization": "Bearer owner-toke"}, 401),
        ("/metrics", {"Authorization": "Bearer"}, 401),
    ],
)
def test_a_token_opens_what_is_its_own(path: str, headers: dict[str, str], expected: int) -> None:
    assert status(path, headers) == expected


def test_every_answer_is_hardened_and_a_page_keeps_its_own_policy(play) -> None:
    async def plain(request: web.Request) -> web.StreamResponse:
        return web.Response()

    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Content-Security-Policy": "script-src 'self'"})

    async def answers() -> list[web.StreamResponse]:
        check = guard().middleware()
        asked = (("/healthz", plain), ("/healthz", page), ("/metrics", plain))
        return [
            await check(make_mocked_request("GET", path, headers={"Host": HOST}), handler)
            for path, handler in asked
        ]

    passed, own, refused = play(answers())
    closed = "default-src 'none'; frame-ancestors 'none'"
    assert passed.headers["Content-Security-Policy"] == closed
    assert own.headers["Content-Security-Policy"] == "script-src 'self'"
    assert refused.headers["Content-Security-Policy"] == closed
    for answer in (passed, own, refused):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
