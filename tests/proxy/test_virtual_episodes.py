"""Episodes on the wire: every carrier, every clock, and a thousand at once that each can be reproduced alone."""

import asyncio
import time

import pytest

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Call, Patience, Plan, Simulation, plan_digest
from earthwire.fault_models.plan import Abort, Forward, RelayBody, RelayHead, Wait
from earthwire.next_calls import NextCalls
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.traces import read_jsonl

LAWS = Simulation(read_profile(shipped_profile_path("demo")), 1)
TOOLS = ("GET registry.access-ci.org/search", "GET registry.access-ci.org/fetch")
EPISODE_COUNT = 1000
CALLS_PER_TOOL = 3
CONNECTION_COUNT = 32
CARRIED_COUNT = 30


def slow(*steps, last_byte_s: float = 30.0) -> Plan:
    return Plan("ok", 20.0, last_byte_s, steps, "tool")


RELAYED = slow(Forward(), Wait(20.0), RelayHead(), RelayBody(30.0))
HANGING = slow(Abort("hang"), last_byte_s=0.0)


def virtual(timeout_s: float | None = None, shape: str = "http_504") -> EpisodeSettings:
    return EpisodeSettings(clock="virtual", patience=Patience(timeout_s, shape))


def served(harness, play, plan, settings, requests=None):
    """Serve requests of the declared episode `e`; return what came back, the records and the upstream's requests."""

    async def scenario():
        async with harness.upstream(harness.response()) as upstream:
            async with harness.proxy(upstream.port, plan) as running:
                running.proxy.episodes.declare("e", settings, 0.0)
                raw = [await harness.talk(running.port, one) for one in requests or [harness.get("/e/e/x")]]
            return raw, running.records(), upstream.requests

    return play(scenario())


def test_virtual_time_waits_for_nothing_and_records_what_was_drawn(harness, play) -> None:
    started_s = time.monotonic()
    raw, [record], forwarded = served(harness, play, RELAYED, virtual())
    assert time.monotonic() - started_s < 10.0
    assert raw[0].endswith(b"hello")
    assert len(forwarded) == 1
    assert (record.duration_ns, record.ttfb_ns) == (30 * 10**9, 20 * 10**9)
    assert (record.outcome, record.lateness_ns) == ("ok", None)
    assert record.attributes == '{"earthwire.clock":"virtual"}'
    assert record.plan_digest == plan_digest(RELAYED)


@pytest.mark.parametrize(("shape", "status"), [("http_504", b"504"), ("http_408", b"408")])
def test_beyond_the_patience_the_client_times_out_although_the_tool_ran(harness, play, shape, status) -> None:
    raw, [record], forwarded = served(harness, play, RELAYED, virtual(5.0, shape))
    assert raw[0].split()[1] == status
    assert len(forwarded) == 1
    assert (record.outcome, record.error_type, record.latency_censoring) == (
        "timeout",
        "client_timeout",
        "right",
    )
    assert record.duration_ns == record.latency_limit_ns == 5 * 10**9
    assert (record.plan_outcome, record.plan_last_byte_ns) == ("ok", 30 * 10**9)
    assert record.plan_digest == plan_digest(RELAYED)


@pytest.mark.parametrize("shape", ["close", "reset"])
def test_a_timed_out_client_can_see_its_connection_end_instead(harness, play, shape) -> None:
    raw: list[bytes] = []
    try:
        raw, [record], _ = served(harness, play, RELAYED, virtual(5.0, shape))
    except ConnectionResetError:
        assert shape == "reset"
        return
    assert raw == [b""]
    assert record.outcome == "timeout"


def test_silence_costs_the_patience_and_no_time(harness, play) -> None:
    raw, [record], forwarded = served(harness, play, HANGING, virtual(5.0))
    assert raw[0].split()[1] == b"504"
    assert forwarded == []
    assert record.duration_ns == 5 * 10**9


def test_scaled_time_passes_faster_and_is_recorded_as_if_it_had_not(harness, play) -> None:
    plan = Plan("ok", 2.0, 4.0, (Forward(), Wait(2.0), RelayHead(), RelayBody(4.0)), "tool")
    started_s = time.monotonic()
    _, [record], _ = served(harness, play, plan, EpisodeSettings(clock="scaled", speed=40.0))
    assert time.monotonic() - started_s >= 0.1
    assert record.duration_ns is not None
    assert record.ttfb_ns is not None
    # Never early, and late by what forty times a few milliseconds are.
    assert 4.0 <= record.duration_ns / 1e9 < 4.0 + 40 * 0.5
    assert record.ttfb_ns >= 2 * 10**9
    assert record.lateness_ns == record.duration_ns - 4 * 10**9


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/e/e/x", b""),
        ("/x", b"X-Earthwire-Episode: e\r\n"),
        ("/x", b"Baggage: user=1, earthwire.episode=e;p=1\r\n"),
        ("/e/e/x", b"X-Earthwire-Episode: other\r\nBaggage: earthwire.episode=another\r\n"),
        ("/x", b"X-Earthwire-Episode: e\r\nBaggage: earthwire.episode=another\r\n"),
    ],
    ids=["path", "header", "baggage", "path before the others", "header before baggage"],
)
def test_an_episode_comes_by_any_carrier(harness, play, target, headers) -> None:
    _, [record], _ = served(harness, play, RELAYED, virtual(), [harness.get(target, headers)])
    assert (record.episode, record.duration_ns) == ("e", 30 * 10**9)


def test_every_carrier_gives_the_same_plans_and_so_does_the_process(harness) -> None:
    requests = {
        "path": harness.get("/e/e/search"),
        "header": harness.get("/search", b"X-Earthwire-Episode: e\r\n"),
        "baggage": harness.get("/search", b"Baggage: earthwire.episode=e\r\n"),
    }
    calls = NextCalls(LAWS.variant(seed=77), Call("e", TOOLS[0], "GET", "/search"))
    in_process = [_next_digest(calls) for _ in range(CARRIED_COUNT)]
    found = {name: asyncio.run(_digests(harness, name, one)) for name, one in requests.items()}
    assert found == dict.fromkeys(requests, in_process)


def _next_digest(calls: NextCalls) -> str:
    calls.next()
    return plan_digest(calls.drawn().plan)


async def _digests(harness, name: str, request: bytes) -> list[str | None]:
    path = harness.folder / f"{name}.jsonl"
    async with harness.upstream(harness.response()) as upstream:
        config = ServeConfig(upstreams={"t": f"http://127.0.0.1:{upstream.port}"}, port=0, record_path=path)
        async with running_proxy(config, LAWS) as proxy:
            settings = EpisodeSettings(seed=77, draws_as="e", clock="virtual")
            proxy.episodes.declare("e", settings, 0.0)
            for _ in range(CARRIED_COUNT):
                await harness.talk(proxy.port, request)
            await harness.close_connections()
    return [record.plan_digest for record in read_jsonl(path)]


def test_an_episode_that_is_declared_again_starts_anew(harness, play) -> None:
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            episodes = running.proxy.episodes
            for _ in range(2):
                episodes.declare("e", virtual(), 0.0)
                await harness.talk(running.port, harness.get("/e/e/x"))
                await harness.talk(running.port, harness.get("/e/e/x"))
                episodes.end("e")
        return [record.seq for record in running.records()]

    assert play(scenario()) == [0, 1, 0, 1]


def test_a_thousand_episodes_at_once_are_each_reproduced_alone(harness) -> None:
    found = asyncio.run(_thousand(harness))
    assert len(found) == EPISODE_COUNT
    for number in range(EPISODE_COUNT):
        laws = LAWS.variant(seed=number)
        calls = {tool: NextCalls(laws, Call("default", tool, "GET", _target(tool))) for tool in TOOLS}
        alone = {(tool, i): _next_digest(calls[tool]) for tool in TOOLS for i in range(CALLS_PER_TOOL)}
        assert found[f"run-{number}"] == alone
    # Negative control: seeds matter, so the agreement above is none of a constant with itself.
    assert len({tuple(sorted(plans.items())) for plans in found.values()}) == EPISODE_COUNT


def _target(tool: str) -> str:
    return "/" + tool.rpartition("/")[2]


async def _thousand(harness) -> dict[str, dict[tuple[str, int], str]]:
    path = harness.folder / "thousand.jsonl"
    body = harness.response()

    async def answer(reader, writer) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(body)

    async def tolerant(reader, writer) -> None:
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    # Interleaved: every connection serves all episodes in turn, so that nothing is in anybody's own order.
    targets = [
        f"/e/run-{number}{_target(tool)}"
        for _ in range(CALLS_PER_TOOL)
        for tool in TOOLS
        for number in range(EPISODE_COUNT)
    ]
    async with harness.server(tolerant) as upstream_port:
        config = ServeConfig(upstreams={"t": f"http://127.0.0.1:{upstream_port}"}, port=0, record_path=path)
        async with running_proxy(config, LAWS) as proxy:
            for number in range(EPISODE_COUNT):
                proxy.episodes.declare(f"run-{number}", EpisodeSettings(seed=number, clock="virtual"), 0.0)
            await asyncio.gather(
                *(_ask_all(proxy.port, targets[i::CONNECTION_COUNT]) for i in range(CONNECTION_COUNT))
            )
    found: dict[str, dict[tuple[str, int], str]] = {}
    for record in read_jsonl(path):
        assert record.episode is not None
        found.setdefault(record.episode, {})[record.tool, record.call_index] = record.plan_digest
    return found


async def _ask_all(port: int, targets: list[str]) -> None:
    """Ask for all targets, several in flight on one connection, on new ones where a plan ends it."""
    left = list(targets)
    while left:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while left:
                writer.write(f"GET {left[0]} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                left.pop(0)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
