"""Calls that recordings answer at once, and the long way of all others: the same bytes, records, times and accounts."""

import contextlib
import re
from collections import Counter

import msgspec
import pytest

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Patience, Simulation
from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import (
    PASS_THROUGH,
    Abort,
    Body,
    Forward,
    Head,
    Plan,
    RelayBody,
    RelayDamaged,
    RelayHead,
    Wait,
)
from earthwire.fault_models.reward import Budget
from earthwire.proxy.calls.own_response import OwnResponse, own_response
from earthwire.proxy.calls.simulated_call import SimulatedCall
from earthwire.proxy.calls.simulated_way import CALL_BYTES_MAX, SINGLE_COUNT, SimulatedWay
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.handler import Handler
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.proxy.recording.observed_calls import ObservedCalls
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.proxy.upstreams.recorded_answer import ANSWER_BYTES_MAX
from earthwire.proxy.upstreams.replay_upstream import ReplayConfig
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.traces import TraceRecord, read_jsonl, request_key
from earthwire.traces.replay import ReplayIndex

DEMO = Simulation(read_profile(shipped_profile_path("demo")), 5, "registry.access-ci.org")
FAULTS = Simulation(read_profile(shipped_profile_path("six-faults")), 5)
DATE = re.compile(rb"date: [^\r]*\r\n", re.IGNORECASE)
SLOW = Plan("ok", 20.0, 30.0, (Forward(), Wait(20.0), RelayHead(), RelayBody(30.0)), "tool")
BUSY = Plan(
    "http_4xx:429", 1.0, 1.0, (Wait(1.0), Head(429, (("retry-after", "2"),), 4), Body(b"slow")), "tool"
)
VIRTUAL = EpisodeSettings(seed=9, clock="virtual")


def get(target="/x", headers=b""):
    return f"GET /e/e{target} HTTP/1.1\r\nHost: a\r\n".encode() + headers + b"\r\n"


def post(body, target="/x", kind=b"application/json"):
    head = f"POST /e/e{target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n".encode()
    return head + b"Content-Type: " + kind + b"\r\n\r\n" + body


LAST = get("/x", b"Connection: close\r\n")
CHUNKED = (
    b"POST /e/e/x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'3\r\n{"a\r\n4\r\n":1}\r\n0\r\nX-Sum: 1\r\n\r\n'
)


def recording(body='{"n": 1}', target="/x", method="GET", asked=None, **fields):
    given = {
        "tool": f"{method} tool{target}",
        "http_request_method": method,
        "url_full": f"http://tool{target}",
        "request_key": request_key(method, target, asked, "application/json" if asked else None),
        "duration_ns": 30_000_000,
        "ttfb_ns": 10_000_000,
        "outcome": "ok",
        "http_response_status_code": 200,
        "content_type": "application/json",
        "response_body": body,
        "response_body_encoding": "utf-8",
    }
    return TraceRecord(**given | fields)


class FixedPlanner:
    """Gives every call the next of several plans, and remembers when it was asked."""

    seed = 7
    profile_hash = "test"

    def __init__(self, *plans):
        self.plans = plans or (SLOW,)
        self.times_s = []

    def draw(self, call):
        self.times_s.append(call.at_s)
        index = len(self.times_s) - 1
        conditions = '{"given":true}' if index % 2 else None
        return Drawn(index, self.plans[index % len(self.plans)], conditions)

    def tool_of(self, method, path, at=None):
        return f"{method} tool{path}"


class Ways:
    """Plays one conversation the short way and the long way, and compares all that is left of it."""

    def __init__(self, harness, play, folder, monkeypatch):
        self._harness, self._play, self._folder = harness, play, folder
        self._monkeypatch = monkeypatch
        self.counts = Counter()

    def both(self, sent, recordings=None, planner=None, settings=VIRTUAL, **options):
        """Return what came back, the records, and the account; they are the same on both ways.

        Args:
            sent: pieces of one conversation; a callable is called with the proxy instead.
        """
        planners = (planner or FixedPlanner)(), (planner or FixedPlanner)()
        short = self._one_way("short", sent, recordings, planners[0], settings, **options)
        with self._monkeypatch.context() as patched:
            patched.setattr(Handler, "_take", lambda *given: False)
            patched.setattr(SimulatedWay, "answer", lambda *given: False)
            long = self._one_way("long", sent, recordings, planners[1], settings, **options)
        for one, other in zip(short, long, strict=True):
            assert one == other
        return short[:3]

    def _one_way(
        self, name, sent, recordings, planner, settings, *, timing="calibrated", miss="error", **options
    ):
        path = self._folder / f"{name}.jsonl"
        index = ReplayIndex(recordings or [recording()], options.pop("after_last", "cycle"))
        config = ServeConfig(
            upstreams={"tool": ReplayConfig(index=index, timing=timing, miss=miss)},
            port=0,
            record_path=path,
            **options,
        )
        warnings = []

        async def scenario():
            async with running_proxy(config, planner, warnings.append) as proxy:
                calls = ObservedCalls(proxy._recorder, proxy.episodes, CallCounters())
                proxy._handler.observe(calls)
                if settings is not None:
                    proxy.episodes.declare("e", settings, 0.0)
                reader, writer = await self._harness.connect(proxy.port, limit=1 << 22)
                received = await self._talk(reader, writer, sent, proxy)
                calls.close()
                account = account_of(proxy.episodes.get("e"))
                counters = calls._counters
                assert proxy.inflight_count == 0
                await self._harness.close_connections()
            counted = [
                counters.calls(),
                counters.fault_kinds,
                counters.intended.counts,
                counters.request_body_bytes,
                counters.response_body_bytes,
            ]
            if account[-1] is not None:
                counted += [counters.achieved().counts, getattr(planner, "times_s", None)]
            return DATE.sub(b"", received), account, counted

        received, account, counted = self._play(scenario())
        records = [timeless(one) for one in read_jsonl(path)]
        return received, records, account, counted, warnings

    async def _talk(self, reader, writer, sent, proxy):
        received = b""
        for piece in sent:
            if callable(piece):
                outcome = piece(proxy)
                if outcome is not None:
                    await outcome
                continue
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await self._harness.until(lambda: reader._buffer or reader.at_eof() or reader.exception())
                await self._harness.until(lambda: is_waiting(proxy))
            received += bytes(reader._buffer)
            reader._buffer.clear()
            if reader.at_eof():
                break
        writer.close()
        return received


def is_waiting(proxy):
    return all(client.taken is None and not client._busy for client in proxy._handler.clients)


def is_virtual(settings):
    return settings.clock == "virtual"


def timeless(record):
    """Return a record but for what real time puts into it."""
    dropped = {"start_time_unix_nano"}
    if '"virtual"' not in (record.attributes or ""):
        dropped |= {"duration_ns", "ttfb_ns", "lateness_ns", "proxy_lag_ns"}
    return {key: value for key, value in msgspec.structs.asdict(record).items() if key not in dropped}


def account_of(run):
    """Return an account but for the time that calls really took."""
    account = run.account
    latency = account.latency
    counted = [
        account.call_count,
        account.request_body_bytes,
        account.response_body_bytes,
        account.injected_count,
    ]
    return (
        counted,
        account.outcomes,
        account.faults_by_layer,
        account.tools,
        latency.intended_s,
        account.attempts.counts,
        (latency.virtual_s, run.at_s(0.0)) if is_virtual(run.settings) else None,
    )


@pytest.fixture
def ways(harness, play, tmp_path, monkeypatch):
    ways = Ways(harness, play, tmp_path, monkeypatch)
    add, answer, hand_over = ObservedCalls.add, SimulatedWay.answer, ClientConnection.hand_over

    def counted_add(calls, record):
        ways.counts["at once"] += isinstance(record, SimulatedCall)
        add(calls, record)

    def counted_answer(way, client, data):
        answered = answer(way, client, data)
        ways.counts["unparsed"] += answered
        return answered

    def counted_hand_over(*given):
        ways.counts["handed over"] += 1
        hand_over(*given)

    monkeypatch.setattr(ObservedCalls, "add", counted_add)
    monkeypatch.setattr(SimulatedWay, "answer", counted_answer)
    monkeypatch.setattr(ClientConnection, "hand_over", counted_hand_over)
    return ways


def laws(simulation):
    return simulation.variant


def plans(*given):
    return lambda: FixedPlanner(*given)


TWO = [recording('{"n": 1}'), recording('{"n": 2}')]
USAGE = '{"usage": {"prompt_tokens": 7, "completion_tokens": 5}}'
ASKED = b'{"q": 1}'

# What is sent, what was recorded, what else is different; calls answered at once, of these unparsed, and handed over.
CONVERSATIONS = {
    "one": ([get(), LAST], {}, (1, 0, 0)),
    "the same again": ([get()] * 5 + [LAST], {}, (5, 4, 0)),
    "different ones": (
        [get(), get("/x?a=1"), get("/x?a=1"), get()],
        {"recordings": [recording(), recording("{}", "/x?a=1")]},
        (4, 2, 0),
    ),
    "pipelined": ([get() * 4 + LAST], {}, (4, 3, 0)),
    "pipelined, with half a head": ([get() * 3 + get()[:9], get()[9:]], {}, (4, 2, 0)),
    "empty lines before": ([b"\r\n" + get(), b"\r\n" + get(), get()], {}, (3, 1, 0)),
    "in pieces": ([get() + get()[:9], get()[9:], get()], {}, (3, 1, 0)),
    "several recordings": ([get()] * 5, {"recordings": TWO}, (5, 4, 0)),
    "several recordings, then the last": ([get()] * 5, {"recordings": TWO, "after_last": "last"}, (5, 4, 0)),
    "recorded timing": (
        [get()] * 5,
        {"recordings": TWO, "timing": "recorded", "planner": plans(PASS_THROUGH)},
        (5, 4, 0),
    ),
    "post": ([post(ASKED)] * 3, {"recordings": [recording(method="POST", asked=ASKED)]}, (3, 2, 0)),
    "post, equal bodies of other bytes": (
        [post(ASKED), post(b'{"q":1}')],
        {"recordings": [recording(method="POST", asked=ASKED)]},
        (2, 0, 0),
    ),
    "post that tells tokens": (
        [post(ASKED)] * 3,
        {"recordings": [recording(USAGE, method="POST", asked=ASKED)]},
        (3, 2, 0),
    ),
    "chunked post": (
        [CHUNKED, CHUNKED],
        {"recordings": [recording(method="POST", asked=b'{"a":1}')]},
        (2, 0, 0),
    ),
    "long request": ([get("/x", b"X: " + b"p" * CALL_BYTES_MAX + b"\r\n")] * 2, {}, (2, 0, 0)),
    "error that was recorded": (
        [get()] * 3,
        {
            "recordings": [
                recording(
                    "busy",
                    http_response_status_code=503,
                    outcome="http_error",
                    content_type="text/plain",
                    http_response_header={"retry-after": ["3"]},
                )
            ]
        },
        (3, 2, 0),
    ),
    "error in band": ([get()] * 3, {"recordings": [recording('{"error": "no such user"}')]}, (3, 2, 0)),
    "html that was to be json": ([get()] * 2, {"recordings": [recording("<html></html>")]}, (2, 1, 0)),
    "longer than what is classified": (
        [get()] * 2,
        {"recordings": [recording('"' + "x" * 20_000 + '"')]},
        (2, 1, 0),
    ),
    "client that is patient enough": (
        [get()] * 3,
        {"settings": msgspec.structs.replace(VIRTUAL, patience=Patience(30.0))},
        (3, 2, 0),
    ),
    "headers name the episode": (
        [get().replace(b"/e/e", b"").replace(b"Host", b"X-Earthwire-Episode: e\r\nHost")] * 3,
        {},
        (3, 2, 0),
    ),
    "response of our own": ([get()] * 6, {"planner": plans(SLOW, BUSY, BUSY)}, (2, 5, 0)),
    "response of our own without a body": (
        [get()] * 3,
        {"planner": plans(SLOW, Plan("http_5xx:503", 1.0, 1.0, (Wait(1.0), Head(503)), "tool"))},
        (2, 2, 0),
    ),
    "events of our own": (
        [get()] * 3,
        {
            "planner": plans(
                SLOW,
                Plan(
                    "http_5xx:503",
                    1.0,
                    1.0,
                    (Head(503, (("content-type", "text/event-stream"),), 9), Body(b"data: a\n\n")),
                    "tool",
                ),
            )
        },
        (2, 2, 0),
    ),
    "silence that the client gives up": (
        [get()] * 3,
        {
            "planner": plans(SLOW, Plan("timeout", 0.0, 0.0, (Abort("hang"),), "tool")),
            "settings": msgspec.structs.replace(VIRTUAL, patience=Patience(60.0)),
        },
        (2, 2, 0),
    ),
}
UNUSUAL = {
    "no content": ([get()] * 2, {"recordings": [recording("", http_response_status_code=204)]}, (0, 0, 2)),
    "empty body": ([get()] * 2, {"recordings": [recording("")]}, (0, 0, 2)),
    "recorded events": (
        [get()] * 2,
        {"recordings": [recording("data: a\n\n", content_type="text/event-stream")]},
        (0, 0, 2),
    ),
    "long answer": ([get()] * 2, {"recordings": [recording("x" * (ANSWER_BYTES_MAX + 1))]}, (0, 0, 2)),
    "long answer after a short one": (
        [get()] * 3,
        {"recordings": [recording(), recording("x" * (ANSWER_BYTES_MAX + 1))]},
        (2, 2, 1),
    ),
    "recorded timeout": (
        [get()] * 2,
        {"recordings": [recording(outcome="timeout")], "timing": "recorded", "planner": plans(PASS_THROUGH)},
        (0, 0, 2),
    ),
    "never recorded": ([get("/other")] * 2, {}, (0, 0, 2)),
    "never recorded, nearest": ([get("/other")] * 2, {"miss": "nearest"}, (0, 0, 2)),
    "impatient client": (
        [get()] * 3,
        {"settings": msgspec.structs.replace(VIRTUAL, patience=Patience(5.0))},
        (0, 0, 3),
    ),
    "client that closes": (
        [get()] * 3,
        {"settings": msgspec.structs.replace(VIRTUAL, patience=Patience(5.0, "close"))},
        (0, 0, 1),
    ),
    "cut": (
        [get()] * 3,
        {
            "planner": plans(
                SLOW,
                Plan(
                    "malformed:truncated",
                    1.0,
                    1.0,
                    (Forward(), RelayHead(), RelayBody(1.0, 0.5), Abort("fin")),
                    "tool",
                ),
            )
        },
        (1, 1, 1),
    ),
    "damaged": (
        [get()] * 3,
        {
            "planner": plans(
                SLOW, Plan("malformed:encoding", 1.0, 1.0, (Forward(), RelayDamaged("bom", 0.5, 1.0)), "tool")
            )
        },
        (2, 2, 1),
    ),
    "promise of more": (
        [get()] * 3,
        {"planner": plans(SLOW, Plan("http_5xx:500", 1.0, 1.0, (Head(500, (), 9), Body(b"slow")), "tool"))},
        (1, 1, 1),
    ),
    "reset": (
        [get()] * 3,
        {"planner": plans(SLOW, Plan("conn_error", 1.0, 1.0, (Wait(1.0), Abort("fin")), "tool"))},
        (1, 1, 1),
    ),
    "real clock": ([get()] * 2, {"settings": EpisodeSettings(), "planner": plans(PASS_THROUGH)}, (0, 0, 2)),
    "budget": (
        [get()] * 5,
        {"settings": msgspec.structs.replace(VIRTUAL, budget=Budget(calls_max=3))},
        (0, 0, 5),
    ),
    "bodies are kept": ([get()] * 2, {"keep_bodies": True}, (0, 0, 0)),
    "HEAD": ([get().replace(b"GET", b"HEAD")] * 2, {}, (0, 0, 0)),
    "HTTP/1.0": ([get("/x", b"Connection: keep-alive\r\n").replace(b"1.1", b"1.0")] * 2, {}, (0, 0, 0)),
}


@pytest.mark.parametrize("name", CONVERSATIONS | UNUSUAL)
def test_both_ways_leave_the_same_behind(ways, name):
    sent, options, counts = (CONVERSATIONS | UNUSUAL)[name]
    _, records, account = ways.both(sent, **options)
    assert records
    assert len(records) == account[0][0]
    assert (ways.counts["at once"], ways.counts["unparsed"], ways.counts["handed over"]) == counts


def known(proxy):
    return proxy._handler.opening.known_calls


# Plans.


@pytest.mark.parametrize("simulation", [DEMO, FAULTS], ids=["demo", "six faults"])
def test_plans_that_are_drawn_ahead_are_those_of_the_long_way(ways, simulation):
    """Faults end connections and change what is drawn next; two requests share the calls of their tool."""
    settings = msgspec.structs.replace(VIRTUAL, patience=Patience(30.0))
    targets = ["/v2/search", "/v2/search?page=2"]
    sent = [get(target) for _ in range(100) for target in targets]
    recordings = [recording(target=target) for target in targets]
    _, records, account = ways.both(sent, recordings, simulation.variant, settings)
    assert ways.counts["at once"] >= len(records) / 2
    assert account[2], "no fault was drawn"


def test_plans_are_drawn_ahead_after_a_few_calls_only(ways):
    following = []

    def look(proxy):
        following.append([call.following is not None for call in known(proxy).values()])

    ways.both([get()] * 2 + [look] + [get()] * SINGLE_COUNT + [look] + [get()] * 200, None, DEMO.variant)
    assert following[:2] == [[False], [True]]


@pytest.mark.parametrize("options", [{"severity": 2.0}, {"regime_clock": "time"}])
def test_laws_that_cannot_be_drawn_ahead_are_drawn_one_by_one(ways, options):
    simulation = Simulation(DEMO.profile, 5, "registry.access-ci.org", **options)
    _, records, _ = ways.both([get("/v2/search")] * 60, [recording(target="/v2/search")], simulation.variant)
    assert len(records) == 60


def test_laws_on_the_clock_see_the_time_of_the_episode_and_what_its_client_waited(ways):
    def wait(proxy):
        proxy.episodes.get("e").wait(7.0)

    _, records, account = ways.both([get(), get(), wait, get(), wait, wait, get()])
    assert [one["attributes"].count("waited") for one in records] == [0, 0, 1, 1]
    assert account[-1] == (4 * 30.0, 4 * 30.0 + 3 * 7.0)


# Episodes and proxies.


def test_an_episode_that_is_declared_again_starts_anew_on_the_same_connection(ways):
    def again(proxy):
        proxy.episodes.end("e")
        proxy.episodes.declare("e", VIRTUAL, 0.0)

    received, records, account = ways.both([get(), get(), again, get()], TWO)
    assert re.findall(rb'"n": (.)', received) == [b"1", b"2", b"1"]
    assert [one["seq"] for one in records] == [0, 1, 0]
    assert account[0][0] == 1


def test_an_episode_that_is_over_is_nobodys(ways):
    def again(proxy):
        proxy.episodes.end("e")
        proxy.episodes.declare("e", EpisodeSettings(), 0.0)

    ways.both([get(), get(), again, get()], planner=plans(PASS_THROUGH))
    assert ways.counts["at once"] == 2


def test_a_reload_is_seen_by_known_requests(ways):
    async def reload(proxy):
        upstream = ReplayConfig(index=ReplayIndex([recording("new")]), timing="calibrated")
        config = msgspec.structs.replace(proxy.config, upstreams={"tool": upstream})
        await proxy.reload(config, FixedPlanner(BUSY, SLOW))

    received, records, _ = ways.both([get(), get(), lambda proxy: reload(proxy), get(), get()])
    assert received.endswith(b"new")
    assert [one["http_response_status_code"] for one in records] == [200, 200, 429, 200]


def test_what_is_remembered_is_bounded(ways, monkeypatch):
    monkeypatch.setattr("earthwire.proxy.calls.simulated_way.CALLS_REMEMBERED", 2)
    counts = []
    targets = ["/x", "/x?a=1", "/x?a=2"]
    sent = [get(target) for target in targets] + [lambda proxy: counts.append(len(known(proxy)))]
    ways.both(sent, [recording(target=target) for target in targets])
    assert counts[0] == 1
    assert ways.counts["at once"] == 3


def test_records_of_many_recordings_are_bounded_and_right(ways, monkeypatch):
    monkeypatch.setattr("earthwire.proxy.calls.simulated_call.RECORDS_REMEMBERED", 2)
    sizes = []

    def look(proxy):
        sizes.extend(len(call.records) for call in known(proxy).values())

    recordings = [recording("x" * length) for length in range(1, 6)]
    _, records, _ = ways.both([get()] * 10 + [look], recordings)
    assert [one["http_response_body_size"] for one in records] == [1, 2, 3, 4, 5] * 2
    assert sizes[0] <= 2


# What does not go well.


def test_error_of_a_planner_ends_the_connection_of_its_call_alone(ways):
    class Failing(FixedPlanner):
        def draw(self, call):
            if len(self.times_s) == 2:
                raise RuntimeError("too many streams")
            return super().draw(call)

    received, records, _ = ways.both([quietly, get(), get(), get(), get()], planner=Failing)
    assert received.count(b"200 OK") == len(records) == 2


def quietly(proxy):
    """Leave the error of our own that is to come unreported."""
    proxy._loop.set_exception_handler(lambda *given: None)


def test_full_recorder_holds_the_next_call_back(ways):
    async def fill(proxy):
        recorder = proxy._recorder
        # No batch that is written from now on makes room.
        recorder._flush = lambda: None
        recorder.full = True
        recorder._room.clear()
        proxy._loop.call_later(0.05, empty, recorder)

    def empty(recorder):
        del recorder._flush
        recorder._flush()
        recorder.full = False
        recorder._room.set()

    ways.both([get(), get(), lambda proxy: fill(proxy), get(), get()])
    assert ways.counts["at once"] == 3


def test_client_that_does_not_read_is_waited_for(harness, ways):
    body = "x" * 60_000
    count = 300

    async def talk(reader, writer, sent, proxy):
        writer.transport.pause_reading()
        writer.write(get() * count + LAST)
        await harness.until(lambda: proxy._handler.clients)
        (client,) = proxy._handler.clients
        await harness.until(lambda: client._drain_waiter is not None)
        writer.transport.resume_reading()
        return b"%d" % (await reader.read()).count(b"200 OK")

    ways._talk = talk
    received, records, _ = ways.both([], [recording(body)])
    assert int(received) == len(records) == count + 1
    assert ways.counts["at once"]
    assert ways.counts["at once"] < count


# The parts.


def test_record_of_a_simulated_call_is_that_of_the_same_call_performed_step_by_step(ways, monkeypatch):
    calls = []
    add = ObservedCalls.add
    monkeypatch.setattr(ObservedCalls, "add", lambda taken, call: calls.append(call) or add(taken, call))
    ways.both(
        [get()] * 60 + [post(ASKED)] * 3, [*TWO, recording(USAGE, method="POST", asked=ASKED)], DEMO.variant
    )
    simulated = [call for call in calls if isinstance(call, SimulatedCall)]
    assert len(simulated) > 40
    for call in simulated:
        assert call.record() == call.finished().record()


@pytest.mark.parametrize(
    "steps",
    [
        (Forward(), Head(200), Body(b"")),
        (Head(200, (), None), Body(b"a")),
        (Head(200, (), 2), Body(b"a")),
        (Body(b"a"), Head(200, (), 1)),
        (Head(200), Head(200)),
        (Head(200), Abort("fin")),
        (Wait(1.0),),
        (),
    ],
)
def test_plans_that_are_no_whole_response_of_our_own(steps):
    assert own_response(msgspec.structs.replace(SLOW, steps=steps)) is None


def test_a_response_of_our_own_may_come_in_several_steps():
    head = Head(200, (), 2)
    plan = msgspec.structs.replace(SLOW, steps=(Wait(1.0), head, Body(b"a"), Wait(2.0), Body(b"b")))
    assert own_response(plan) == OwnResponse(head, b"ab")
