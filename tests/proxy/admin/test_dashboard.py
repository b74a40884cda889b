"""The dashboard through a real HTTP client: who sees what, under which policy, and whether the figures are right."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import aiohttp
import jsonschema
import pytest

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Simulation
from earthwire.proxy.admin.dashboard_page import SCRIPT, dashboard_page
from earthwire.proxy.admin.openapi import document
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.server import ServeConfig, running_proxy

TOKEN = "a-token-of-the-tests-alone"
VIEWER = "another-token-that-only-looks"
PAGE = "/_earthwire/dashboard"
LIVE = "/_earthwire/live"
LAWS = Simulation(read_profile(shipped_profile_path("demo")), 1)
TIMEOUT_S = 20.0


class Served:
    """A proxy whose admin side is asked by aiohttp's client."""

    def __init__(self, proxy, session: aiohttp.ClientSession) -> None:
        self.proxy = proxy
        self._session = session
        self._url = f"http://127.0.0.1:{proxy.admin.address[1]}"

    async def ask(self, path: str, token: str | None = VIEWER, method: str = "GET", **options):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= options.pop("headers", {})
        async with self._session.request(method, self._url + path, headers=headers, **options) as response:
            return response.status, dict(response.headers), await response.text()

    async def figures(self) -> dict:
        async with self._session.get(
            self._url + LIVE, headers={"Authorization": f"Bearer {VIEWER}"}
        ) as response:
            assert response.status == 200
            return await response.json()

    async def declare(self, **wanted: object) -> str:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self._session.post(
            self._url + "/_earthwire/episodes", json=wanted, headers=headers
        ) as response:
            assert response.status == 201
            return (await response.json())["base_url"]

    async def call(self, url: str) -> None:
        """Make a call, whatever becomes of it."""
        with contextlib.suppress(aiohttp.ClientError):
            async with self._session.get(url) as response:
                await response.read()


@contextlib.asynccontextmanager
async def serving(harness) -> AsyncIterator[Served]:
    async with asyncio.timeout(TIMEOUT_S), harness.upstream(harness.response()) as upstream:
        config = ServeConfig(
            upstreams={"tool": f"http://127.0.0.1:{upstream.port}"},
            port=0,
            admin=AdminConfig(TOKEN, viewer_token=VIEWER),
        )
        # Without a cookie jar and without waiting for keep-alive connections at the end.
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            running_proxy(config, LAWS, lambda _: None) as proxy,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            yield Served(proxy, session)


def ask_once(harness, path: str, token: str | None, method: str = "GET", **options):
    async def scenario():
        async with serving(harness) as served:
            return await served.ask(path, token, method, **options)

    return asyncio.run(scenario())


class Elements(HTMLParser):
    """Lists every element of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes) -> None:
        self.found.append((tag, dict(attributes)))


def test_the_page_needs_no_token_and_holds_no_figure(harness) -> None:
    status, headers, text = ask_once(harness, PAGE, None)
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert VIEWER not in text
    assert TOKEN not in text


def test_its_policy_lets_nothing_run_but_the_one_script_with_the_nonce(harness) -> None:
    _, headers, text = ask_once(harness, PAGE, None)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    nonce = re.fullmatch(r"'nonce-([\w-]{24,})'", policy["script-src"])
    assert nonce is not None
    assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    elements = Elements(text).found
    carriers = [(tag, attributes) for tag, attributes in elements if tag in ("script", "style")]
    assert carriers == [("style", {"nonce": nonce[1]}), ("script", {"nonce": nonce[1]})]
    named = {name for _, attributes in elements for name in attributes}
    assert not {name for name in named if name.startswith("on")} | (
        named & {"src", "href", "style", "action"}
    )


def test_every_page_has_a_nonce_of_its_own(harness) -> None:
    async def scenario():
        async with serving(harness) as served:
            return [(await served.ask(PAGE, None))[1]["Content-Security-Policy"] for _ in range(2)]

    one, other = asyncio.run(scenario())
    assert one != other


def test_the_script_writes_text_and_never_html() -> None:
    sinks = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "http:",
        "https:",
    )
    assert [sink for sink in sinks if sink in SCRIPT.replace('"http://www.w3.org/2000/svg"', "")] == []
    assert "</" not in SCRIPT


def test_every_element_that_the_script_fills_is_in_the_page() -> None:
    there = {attributes["id"] for _, attributes in Elements(dashboard_page("n")).found if "id" in attributes}
    wanted = set(re.findall(r'(?:byId|fillTable)\("([\w-]+)"', SCRIPT))
    assert len(wanted) > 15
    assert wanted == there


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        (None, {}, 401),
        ("wrong", {}, 401),
        (VIEWER + "x", {}, 401),
        (VIEWER, {"Host": "evil.example"}, 421),
        (VIEWER, {"Origin": "http://evil.example"}, 403),
        (VIEWER, {"Origin": "null"}, 403),
    ],
)
def test_who_may_not_see_the_figures_does_not(harness, token, headers, status) -> None:
    found, answered, text = ask_once(harness, LIVE, token, headers=headers)
    assert found == status
    assert "workers" not in text
    assert not [name for name in answered if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_the_page_is_for_this_listener_alone_too(harness, headers) -> None:
    assert ask_once(harness, PAGE, None, headers=headers)[0] in (403, 421)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_earthwire/episodes"),
        ("POST", "/_earthwire/episodes"),
        ("DELETE", "/_earthwire/episodes/x"),
        ("POST", "/_earthwire/reload"),
        ("GET", "/metrics"),
        ("GET", "/_earthwire/openapi.json"),
        ("GET", LIVE + "/x"),
    ],
)
def test_the_viewers_token_shows_the_figures_and_does_nothing_else(harness, method, path) -> None:
    assert ask_once(harness, path, VIEWER, method)[0] == 401


@pytest.mark.parametrize("token", [VIEWER, TOKEN])
def test_viewers_and_owners_see_the_figures(harness, token) -> None:
    assert ask_once(harness, LIVE, token)[0] == 200


def test_a_token_in_the_query_is_no_token(harness) -> None:
    assert ask_once(harness, f"{LIVE}?token={VIEWER}", None)[0] == 401


@pytest.mark.parametrize("query", ["?scope=none", "?scope=own&scope=own", "?view=x"])
def test_other_queries_are_refused(harness, query) -> None:
    assert ask_once(harness, LIVE + query, VIEWER)[0] == 400


def test_the_figures_are_those_of_the_calls_and_fit_the_document(harness) -> None:
    async def scenario():
        async with serving(harness) as served:
            for number in range(3):
                base = await served.declare(id=f"run-{number}", seed=number, clock="virtual")
                for path in ["/search"] * 30 + ["/<b>fetch"] * 10:
                    await served.call(base + path)
            return await served.figures(), await served.ask("/metrics", TOKEN)

    figures, (_, _, metrics) = asyncio.run(scenario())
    schema = {"$ref": "#/components/schemas/LiveState", "components": document()["components"]}
    jsonschema.Draft202012Validator(schema).validate(figures)
    assert figures["calls"] == 120
    assert [tool["calls"] for tool in figures["tools"]] == [90, 30]
    assert figures["tools"][1]["tool"].endswith("fetch")
    faults = figures["faults"]
    assert (
        faults["count"]
        == sum(row["calls"] for row in faults["kinds"])
        == sum(faults["by_layer"].values())
        > 0
    )
    assert faults["count"] == sum(tool["faults"] for tool in figures["tools"])
    assert [episode["id"] for episode in figures["episodes"]] == ["run-2", "run-1", "run-0"]
    assert sum(episode["calls"] for episode in figures["episodes"]) == 120
    assert figures["latency"]["achieved"]["p50_s"] > 0
    assert len(figures["bounds_s"]) + 1 == len(figures["tools"][0]["achieved"]["counts"])
    # One count, shown twice.
    assert f"earthwire_achieved_seconds_count {sum(figures['latency']['achieved']['counts'])}.0" in metrics
