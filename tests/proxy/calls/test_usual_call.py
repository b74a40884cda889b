"""The short way of the usual call and the long way of all others: the same bytes and the same records."""

import asyncio
import contextlib
import time
from collections import Counter

import msgspec
import pytest

from earthwire.fault_models.plan import PASS_THROUGH, Abort, Body, Forward, Head, RelayBody, RelayHead, Wait
from earthwire.proxy.calls.usual_call import Due, due_if_relayed
from earthwire.proxy.calls.usual_way import UsualWay
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.handler import Handler
from earthwire.proxy.limits import KIB, Limits
from earthwire.proxy.recording.call_record import FinishedCall
from earthwire.proxy.recording.recorder import Recorder
from earthwire.proxy.serve_config import ServeConfig
from earthwire.proxy.wire.client_side import CONTINUE, ClientConnection
from earthwire.proxy.wire.watchdog import Watchdog

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"
CHUNKED_HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_POST = CHUNKED_HEAD + b"2\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 1\r\n\r\n"
WHOLE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: 1\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}'
)
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 700000\r\n\r\n" + b"x" * 700_000
CLOSE = b""
"""Last piece of an answer after which the upstream closes its connection."""
SILENCE = (b"", WHOLE)
"""Pieces of an answer that never comes: a further piece waits until the first was read."""

TIMES = frozenset(
    ("start_time_unix_nano", "duration_ns", "ttfb_ns", "chunk_gaps_ns", "lateness_ns", "proxy_lag_ns")
)
SHORT_S = 0.03
IN_A_MINUTE = (Forward(), Wait(60.0), RelayHead(), RelayBody(60.0))
TWO_READS_BYTES = 512 * KIB
"""The most that an event loop reads from a socket at once is half of it."""


class Watch:
    """Counts what becomes of calls: ``answered`` the short way, ``declined``, or ``handed_over`` on the way."""

    def __init__(self, monkeypatch) -> None:
        self.counts = Counter()
        self.is_short = True
        take, finish, hand_over = Handler._take, UsualWay.finish, ClientConnection.hand_over

        def counted_take(handler, client, request, data):
            if not self.is_short:
                return False
            taken = take(handler, client, request, data)
            if not taken:
                self.counts["declined"] += 1
            return taken

        def counted_finish(*arguments):
            finish(*arguments)
            self.counts["answered"] += 1

        def counted_hand_over(*arguments):
            self.counts["handed_over"] += 1
            hand_over(*arguments)

        monkeypatch.setattr(Handler, "_take", counted_take)
        monkeypatch.setattr(UsualWay, "finish", counted_finish)
        monkeypatch.setattr(ClientConnection, "hand_over", counted_hand_over)


class Script:
    """An upstream that gives its answers in order, each in pieces that the proxy reads apart."""

    def __init__(self, harness, *answers) -> None:
        self.requests = []
        self.connection_count = 0
        self.proxy = None
        self.asked = lambda: None
        self._harness = harness
        self._answers = [(one,) if isinstance(one, bytes) else one for one in answers]

    async def converse(self, reader, writer):
        self.connection_count += 1
        while True:
            request = await self._read(reader)
            self.requests.append(request)
            self.asked()
            pieces = self._answers.pop(0) if self._answers else (WHOLE,)
            for number, piece in enumerate(pieces):
                if number:
                    await self._harness.until(self._is_being_answered)
                writer.write(piece)
            if pieces[-1] == CLOSE:
                return

    async def _read(self, reader):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise ConnectionError from error
        if b"chunked" in head:
            return head + await reader.readuntil(b"0\r\nX-Sum: 1\r\n\r\n")
        return head + await reader.readexactly(4 if head.startswith(b"POST") else 0)

    def _is_being_answered(self):
        connections = self.proxy.sources["tool"]._connections
        return any(one.answered and one._ended is not None for one in connections)


class Ways:
    """Plays one scenario the short way and the long way, and compares."""

    def __init__(self, harness, play, watch, folder) -> None:
        self._harness, self._play, self._watch, self._folder = harness, play, watch, folder
        self.counts = watch.counts

    @contextlib.asynccontextmanager
    async def proxy(self, script, *plans, **options):
        async with (
            self._harness.server(script.converse) as port,
            self._harness.proxy(port, *plans, **options) as running,
        ):
            script.proxy, script.port = running.proxy, port
            yield running

    def short(self, scenario):
        """Return what came back on the short way, what the upstream got, and the records but for times."""
        return self._one_way(scenario, is_short=True)

    def both(self, scenario):
        """As `short`; it is the same on the long way."""
        short = self._one_way(scenario, is_short=True)
        counts = dict(self.counts)
        assert short == self._one_way(scenario, is_short=False)
        assert dict(self.counts) == counts, "the long way was not taken"
        return short

    def _one_way(self, scenario, *, is_short):
        self._watch.is_short = is_short
        self._harness.folder = self._folder / ("short" if is_short else "long")
        self._harness.folder.mkdir()
        received, script, running = self._play(scenario())
        assert running.proxy.inflight_count == 0
        requests = [one.replace(b"127.0.0.1:%d" % script.port, b"upstream") for one in script.requests]
        records = [msgspec.structs.asdict(record) for record in running.records()]
        timeless = [
            {name: value for name, value in one.items() if name not in TIMES and value is not None}
            for one in records
        ]
        return received, requests, timeless


@pytest.fixture
def swift_watchdog(monkeypatch):
    """Have timeouts noticed within `SHORT_S`."""
    monkeypatch.setattr(Watchdog.__init__, "__defaults__", (SHORT_S / 2,))


@pytest.fixture
def ways(harness, play, tmp_path, monkeypatch):
    return Ways(harness, play, Watch(monkeypatch), tmp_path)


def answer(head, body=b""):
    return b"HTTP/1.1 " + head + b"\r\n\r\n" + body


def plan(*steps, outcome="ok"):
    return msgspec.structs.replace(PASS_THROUGH, outcome=outcome, steps=steps)


# Requests in one piece each, or in one; answers of the upstream; plans; calls answered the short way and handed over.
USUAL = {
    "one": ([GET, LAST], [WHOLE], [], 1, 0),
    "pipelined": ([GET + GET + GET + LAST], [WHOLE] * 4, [], 3, 0),
    "post": ([POST, LAST], [WHOLE], [], 1, 0),
    "chunked post with trailers": ([CHUNKED_POST, LAST], [WHOLE], [], 1, 0),
    "error of the tool": (
        [GET, LAST],
        [answer(b"503 Busy\r\nRetry-After: 3\r\nContent-Length: 2", b"no")],
        [],
        1,
        0,
    ),
    "upstream that closes afterwards": (
        [GET, LAST],
        [answer(b"200 OK\r\nConnection: close\r\nContent-Length: 2", b"ab"), WHOLE],
        [],
        1,
        0,
    ),
    "episode named by header": (
        [GET.replace(b"Host", b"X-Earthwire-Episode: run-1\r\nHost"), LAST],
        [WHOLE],
        [],
        1,
        0,
    ),
    "episode named by path": ([GET.replace(b"/x", b"/e/run-1/x"), LAST], [WHOLE], [], 1, 0),
    "wait": (
        [GET + GET + GET, LAST],
        [WHOLE] * 3,
        [plan(Forward(), Wait(SHORT_S), RelayHead(), RelayBody(SHORT_S))],
        3,
        0,
    ),
    "wait that is over": (
        [GET, LAST],
        [WHOLE],
        [plan(Forward(), Wait(0.0), RelayHead(), RelayBody(0.0))],
        1,
        0,
    ),
    "response before it is due": (
        [GET, LAST],
        [WHOLE],
        [plan(Forward(), RelayHead(), RelayBody(SHORT_S))],
        1,
        0,
    ),
    "first byte before the last": (
        [GET, LAST],
        [WHOLE],
        [plan(Forward(), Wait(SHORT_S), RelayHead(), RelayBody(2 * SHORT_S))],
        1,
        0,
    ),
    "first byte before the last of a single byte": (
        [GET, LAST],
        [answer(b"200 OK\r\nContent-Length: 1", b"a")],
        [plan(Forward(), Wait(0.0), RelayHead(), RelayBody(SHORT_S))],
        1,
        0,
    ),
}
UNUSUAL = {
    "interim response with the final one": ([GET, LAST], [answer(b"103 Early Hints") + WHOLE], [], 0, 1),
    "bytes behind the response": ([GET, LAST], [WHOLE + b"more", WHOLE], [], 0, 1),
    "response in two pieces": ([GET, LAST], [(WHOLE[:-3], WHOLE[-3:])], [], 0, 1),
    "response longer than a read": ([GET, LAST], [LARGE], [], 0, 1),
    "interim response apart": ([GET, LAST], [(answer(b"103 Early Hints"), WHOLE)], [], 0, 1),
    "no content": ([GET, LAST], [answer(b"204 No Content")], [], 0, 1),
    "not modified": ([GET, LAST], [answer(b"304 Not Modified\r\nContent-Length: 9")], [], 0, 1),
    "empty body": ([GET, LAST], [answer(b"200 OK\r\nContent-Length: 0")], [], 0, 1),
    "chunks": (
        [GET, LAST],
        [answer(b"200 OK\r\nTransfer-Encoding: chunked", b"2\r\nab\r\n0\r\n\r\n")],
        [],
        0,
        1,
    ),
    "events": (
        [GET, LAST],
        [answer(b"200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9", b"data: a\n\n")],
        [],
        0,
        1,
    ),
    "body until the end": ([GET, LAST], [(answer(b"200 OK", b"until the end"), CLOSE)], [], 0, 1),
    "stale connection": ([GET + GET + LAST], [WHOLE, CLOSE, WHOLE], [], 1, 1),
    "stale connection, post": ([GET + POST + LAST], [WHOLE, CLOSE], [], 1, 1),
    "fresh connection that is closed": ([GET, LAST], [CLOSE], [], 0, 1),
    "body that is cut": ([GET], [(WHOLE[:-3], CLOSE)], [], 0, 1),
    "no HTTP": ([GET, LAST], [b"SSH-2.0-x\r\n\r\n"], [], 0, 1),
    "no idle connection": (
        [GET + GET + LAST],
        [answer(b"200 OK\r\nConnection: close\r\nContent-Length: 2", b"ab")],
        [],
        1,
        1,
    ),
    "cut by plan": (
        [GET],
        [WHOLE],
        [plan(Forward(), RelayHead(), RelayBody(0.0, 0.5), Abort("fin"), outcome="body_cut")],
        0,
        1,
    ),
    "answer of our own": (
        [GET, LAST],
        [],
        [plan(Head(429, (("Retry-After", "2"),), 4), Body(b"slow"), outcome="http:429"), PASS_THROUGH],
        0,
        1,
    ),
    "target that is refused": ([GET.replace(b"/x", b"/e/%20/x")], [], [], 0, 1),
    "episode that is refused": ([GET.replace(b"Host", b"X-Earthwire-Episode: a b\r\nHost")], [], [], 0, 1),
}
DECLINED = {
    "HEAD": (
        [b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", LAST],
        [answer(b"200 OK\r\nContent-Length: 8")],
        [],
        0,
        0,
    ),
    "HTTP/1.0": ([b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", LAST], [WHOLE], [], 0, 0),
    "connection that is to be closed": ([LAST], [WHOLE], [], 0, 0),
    "bad request behind": ([GET + b"GET\r\n\r\n"], [WHOLE], [], 1, 0),
}
EXCHANGES = USUAL | UNUSUAL | DECLINED


@pytest.mark.parametrize("name", EXCHANGES)
def test_both_ways_give_the_same_bytes_and_records(ways, harness, name):
    sent, answers, plans, answered_count, handed_over_count = EXCHANGES[name]

    async def scenario():
        script = Script(harness, *answers)
        async with ways.proxy(script, *plans) as running:
            reader, writer = await harness.connect(running.port, limit=1 << 20)
            received = b""
            for number, piece in enumerate(sent):
                if number:
                    # The one before was answered, and the fiber is back where it waits for the next.
                    await harness.until(lambda: is_waiting(running.proxy))
                writer.write(piece)
                await harness.until(lambda: reader._buffer or reader.at_eof())
            received = await reader.read()
        return received, script, running

    received, _, records = ways.both(scenario)
    assert received
    assert records
    assert (ways.counts["answered"], ways.counts["handed_over"]) == (answered_count, handed_over_count)


def is_waiting(proxy):
    return all(client.taken is None and not client._busy for client in proxy._handler.clients)


def test_usual_call_never_resumes_the_fiber(ways, harness, monkeypatch):
    performed = []
    perform = Handler._perform
    monkeypatch.setattr(Handler, "_perform", lambda *given: performed.append(given) or perform(*given))

    async def scenario():
        script = Script(harness)
        async with ways.proxy(script) as running:
            return await harness.talk(running.port, GET * 5 + LAST), script, running

    received, requests, records = ways.short(scenario)
    assert len(requests) == len(records) == received.count(b'{"a": 1}') == 6
    assert len(performed) == 1
    assert ways.counts == {"answered": 5, "declined": 1}


@pytest.mark.parametrize(
    "steps",
    [
        (Head(200, (), 0),),
        (Forward(), RelayHead(), RelayBody(0.0, 0.5)),
        (Forward(), RelayHead(), Abort("rst")),
        (Forward(), RelayHead(), RelayBody(), Abort("fin")),
        (Wait(0.1), Forward(), RelayHead(), RelayBody()),
    ],
)
def test_plans_that_do_not_relay_all_or_do_more_are_not_usual(steps):
    assert due_if_relayed(steps) is None


def test_last_byte_is_due_at_the_later_of_wait_and_its_own_time():
    assert due_if_relayed((Forward(), RelayHead(), RelayBody(0.5))) == Due(0.0, 0.5)
    assert due_if_relayed((Forward(), Wait(0.2), RelayHead(), RelayBody(0.5))) == Due(0.2, 0.5)
    assert due_if_relayed((Forward(), Wait(0.7), RelayHead(), RelayBody(0.5))) == Due(0.7, 0.7)


def test_finished_call_of_both_ways_is_equal_field_by_field(ways, harness, monkeypatch):
    calls = []
    add = Recorder.add
    monkeypatch.setattr(Recorder, "add", lambda recorder, call: calls.append(call) or add(recorder, call))
    long_body = answer(b"200 OK\r\nContent-Length: 20000", b"x" * 20_000)
    answers = [WHOLE, answer(b"404 No\r\nContent-Length: 2", b"no"), WHOLE, long_body]

    async def scenario():
        script = Script(harness, *answers)
        async with ways.proxy(script) as running:
            return await harness.talk(running.port, GET + GET + POST + GET + LAST), script, running

    ways.both(scenario)
    assert ways.counts["answered"] == 4
    short, long = calls[:5], calls[5:]
    assert len(short) == len(long) == 5
    for one, other in zip(short, long, strict=True):
        assert_equal_but_for_times(one, other)


def assert_equal_but_for_times(one, other):
    assert type(one) is type(other) is FinishedCall
    for name in FinishedCall.__struct_fields__:
        if name not in ("context", "ended_s", "epoch_ns", "lag_s", "first_byte_s"):
            assert getattr(one, name) == getattr(other, name), name
    for call in (one, other):
        assert call.ended_s == call.first_byte_s >= call.context.request.arrival_s
    for name in one.context.__struct_fields__:
        if name not in ("request", "route", "lag_s"):
            assert getattr(one.context, name) == getattr(other.context, name), name
    assert one.context.request.line == other.context.request.line
    assert one.context.request.headers == other.context.request.headers
    assert one.context.request.body.received_bytes == other.context.request.body.received_bytes


def test_head_comes_with_the_first_byte_and_the_last_byte_later(ways, harness):
    steps = (Forward(), Wait(0.05), RelayHead(), RelayBody(0.5))

    async def scenario():
        script = Script(harness, WHOLE)
        async with ways.proxy(script, plan(*steps), PASS_THROUGH) as running:
            began_s = time.monotonic()
            reader, writer = await harness.connect(running.port)
            writer.write(GET)
            begun = await reader.readuntil(b'{"a": 1')
            assert 0.05 <= time.monotonic() - began_s < 0.5
            assert await reader.readexactly(1) == b"}"
            assert time.monotonic() - began_s >= 0.5
            writer.write(LAST)
            rest = await reader.read()
            writer.close()
            return begun + rest, script, running

    _, _, records = ways.both(scenario)
    assert ways.counts["answered"] == 1
    assert records[0]["outcome"] == "ok"


# Clients.


@pytest.mark.parametrize(
    ("steps", "answered"),
    [
        (PASS_THROUGH.steps, False),
        (IN_A_MINUTE, False),
        (IN_A_MINUTE, True),
        ((Forward(), Wait(0.0), RelayHead(), RelayBody(60.0)), True),
    ],
)
def test_client_that_leaves_is_counted_out_once(ways, harness, steps, answered):
    """Be it that the upstream has not answered, that the answer waits for its time, or that its last byte does."""

    async def scenario():
        script = Script(harness, WHOLE if answered else SILENCE)
        async with ways.proxy(script, plan(*steps)) as running:
            _, writer = await harness.connect(running.port)
            writer.write(GET)
            await harness.until(lambda: script.requests)
            assert running.proxy.inflight_count == 1
            await harness.until(lambda: running.proxy.sources["tool"].idle_count == answered)
            writer.transport.abort()
            await harness.until(lambda: not running.proxy.connection_count)
            source = running.proxy.sources["tool"]
            await harness.until(lambda: source.connection_count == source.idle_count == answered)
            return b"", script, running

    _, _, records = ways.both(scenario)
    assert [(one["outcome"], one["error_type"]) for one in records] == [("cancelled", "client_left")]
    assert ways.counts == {"handed_over": 1}


def test_client_that_only_stops_sending_gets_all_its_answers(ways, harness):
    async def scenario():
        may_answer = asyncio.Event()
        script = Script(harness)

        async def converse(reader, writer):
            with contextlib.suppress(ConnectionError):
                while True:
                    script.requests.append(await script._read(reader))
                    await may_answer.wait()
                    writer.write(WHOLE)

        script.converse = converse
        async with ways.proxy(script) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(GET + GET)
            writer.write_eof()
            received = await reader.readexactly(len(CONTINUE))
            may_answer.set()
            return received + await reader.read(), script, running

    received, _, _ = ways.both(scenario)
    assert received == CONTINUE + WHOLE + WHOLE
    assert ways.counts == {"answered": 2}


@pytest.mark.parametrize("first", [GET, GET + GET[:9]], ids=["idle", "half a head"])
@pytest.mark.usefixtures("swift_watchdog")
def test_timeouts_of_clients_begin_after_the_answer(ways, harness, first):
    """Nothing is overdue while a call is under way; after it, idleness ends a connection, half a head gets 408."""
    limits = Limits(client_idle_s_max=3 * SHORT_S, client_head_s_max=3 * SHORT_S)

    async def scenario():
        loop = asyncio.get_running_loop()
        script = Script(harness)

        async def converse(reader, writer):
            with contextlib.suppress(ConnectionError):
                script.requests.append(await script._read(reader))
                asked_s = loop.time()
                await harness.until(lambda: loop.time() > asked_s + 8 * SHORT_S)
                writer.write(WHOLE)
                await reader.read()

        script.converse = converse
        async with ways.proxy(script, limits=limits) as running:
            return await harness.talk(running.port, first), script, running

    received, _, _ = ways.both(scenario)
    assert received.startswith(WHOLE)
    assert received[len(WHOLE) :][:12] == (b"" if first is GET else b"HTTP/1.1 408")
    assert ways.counts["answered"] == 1


def test_pipelined_requests_wait_in_the_kernel_beyond_a_bound(ways, harness):
    """However many answers are given, what was read and not parsed yet stays below a head and one read."""
    padded = b"GET /x HTTP/1.1\r\nHost: a\r\nX-Padding: " + b"p" * 3000 + b"\r\n\r\n"
    count = 1000

    async def scenario():
        pending_bytes = []

        def reply(request):
            (client,) = running.proxy._handler.clients
            pending_bytes.append(len(client._parser.pending))
            return WHOLE

        async with harness.upstream(reply) as script, harness.proxy(script.port) as running:
            received = await harness.talk(running.port, padded * count + LAST)
        return (received.count(b'{"a": 1}'), max(pending_bytes) < TWO_READS_BYTES), script, running

    received, _, _ = ways.both(scenario)
    assert received == (count + 1, True)
    assert ways.counts["answered"] > count / 2


def test_client_that_does_not_read_gets_a_fiber_that_waits_for_it(ways, harness):
    body = answer(b"200 OK\r\nContent-Length: 60000", b"x" * 60_000)
    count = 200

    async def scenario():
        async with harness.upstream(body) as script, harness.proxy(script.port) as running:
            reader, writer = await harness.connect(running.port)
            writer.transport.pause_reading()
            writer.write(GET * count + LAST)
            await harness.until(lambda: running.proxy._handler.clients)
            (client,) = running.proxy._handler.clients
            await harness.until(lambda: client._drain_waiter is not None or len(script.requests) == count)
            assert len(script.requests) < count
            writer.transport.resume_reading()
            return (await reader.read()).count(b"200 OK"), script, running

    received, _, _ = ways.both(scenario)
    assert received == count + 1
    assert ways.counts["answered"]
    assert ways.counts["declined"]


# Upstreams.


@pytest.mark.usefixtures("swift_watchdog")
def test_silent_upstream_is_a_504_on_both_ways(ways, harness):
    async def scenario():
        script = Script(harness, SILENCE)
        async with ways.proxy(script, limits=Limits(upstream_silence_s_max=3 * SHORT_S)) as running:
            return await harness.talk(running.port, GET + LAST), script, running

    received, _, records = ways.both(scenario)
    assert received.startswith(b"HTTP/1.1 504 ")
    assert records[0]["error_type"] == "response_timeout"
    assert ways.counts == {"handed_over": 1}


def test_request_whose_body_comes_later_is_declined(ways, harness):
    async def scenario():
        script = Script(harness)
        async with ways.proxy(script) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(POST[:-2])
            await harness.until(lambda: running.proxy.inflight_count)
            writer.write(POST[-2:] + LAST)
            return await reader.read(), script, running

    ways.both(scenario)
    assert ways.counts == {"declined": 1}


# The proxy itself.


def test_stopping_lets_a_taken_call_end_and_ends_its_connection(ways, harness):
    async def scenario():
        script = Script(harness)
        may_answer = asyncio.Event()

        async def converse(reader, writer):
            with contextlib.suppress(ConnectionError):
                script.requests.append(await script._read(reader))
                await may_answer.wait()
                writer.write(WHOLE)
                await reader.read()

        script.converse = converse
        async with ways.proxy(script) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(GET + GET)
            await harness.until(lambda: script.requests)
            stopping = asyncio.create_task(running.proxy.stop())
            await harness.until(lambda: all(one.draining for one in running.proxy._handler.clients))
            may_answer.set()
            received = await reader.read()
            await stopping
            # What the harness does at the end is nothing any more.
            running.proxy.stop = lambda: asyncio.sleep(0)
        return received, script, running

    received, requests, _ = ways.both(scenario)
    assert received == WHOLE
    assert len(requests) == 1
    assert ways.counts == {"answered": 1}


def test_taken_call_that_outlasts_the_drain_is_broken_off_and_recorded(ways, harness):
    async def scenario():
        script = Script(harness, SILENCE)
        async with ways.proxy(script, limits=Limits(drain_s_max=0.05)) as running:
            _, writer = await harness.connect(running.port)
            writer.write(GET)
            await harness.until(lambda: script.requests)
        return b"", script, running

    _, _, records = ways.both(scenario)
    assert [(one["outcome"], one["error_type"]) for one in records] == [("cancelled", "proxy_stopped")]


def test_reload_leaves_a_taken_call_as_it_began(ways, harness):
    async def scenario():
        script, may_answer = Script(harness), asyncio.Event()

        async def converse(reader, writer):
            with contextlib.suppress(ConnectionError):
                while True:
                    script.requests.append(await script._read(reader))
                    await may_answer.wait()
                    writer.write(WHOLE)

        script.converse = converse
        async with harness.upstream(harness.response(b"new")) as later, ways.proxy(script) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(GET)
            await harness.until(lambda: script.requests)
            before = running.proxy.sources["tool"]
            config = msgspec.structs.replace(
                running.proxy.config, upstreams={"tool": f"http://127.0.0.1:{later.port}"}
            )
            assert isinstance(config, ServeConfig)
            await running.proxy.reload(config, harness.planner)
            may_answer.set()
            received = await reader.readexactly(len(WHOLE))
            await harness.until(lambda: not before.connection_count)
            writer.write(GET + LAST)
            return received + await reader.read(), script, running

    received, requests, _ = ways.both(scenario)
    assert received.startswith(WHOLE)
    assert received.count(b"new") == 2
    assert len(requests) == 1
    assert ways.counts["answered"] == 2


def test_call_of_a_declared_episode_is_handed_over(ways, harness):
    async def scenario():
        script = Script(harness)
        async with ways.proxy(script) as running:
            running.proxy.episodes.declare("run-1", EpisodeSettings(), 1.0)
            request = GET.replace(b"Host", b"X-Earthwire-Episode: run-1\r\nHost")
            return await harness.talk(running.port, request + LAST), script, running

    ways.both(scenario)
    assert ways.counts == {"handed_over": 1}


def test_calls_whose_bodies_are_kept_are_declined(ways, harness):
    async def scenario():
        script = Script(harness)
        async with ways.proxy(script, keep_bodies=True) as running:
            return await harness.talk(running.port, POST + LAST), script, running

    _, _, records = ways.short(scenario)
    assert records[0]["response_body"] == '{"a": 1}'
    assert ways.counts == {"declined": 1}


def test_full_recorder_holds_the_next_call_back_and_not_the_one_under_way(ways, harness):
    async def scenario():
        loop = asyncio.get_running_loop()
        script = Script(harness, (WHOLE[:-3], WHOLE[-3:]))

        def fill():
            # No batch that is written from now on makes room.
            running.proxy._recorder._flush = lambda: None
            running.proxy._recorder.full = True
            running.proxy._recorder._room.clear()

        script.asked = lambda: fill() if len(script.requests) == 1 else None
        async with ways.proxy(script) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(GET)
            received = await reader.readexactly(len(WHOLE))
            asked_s = loop.time()
            writer.write(GET)
            await harness.until(lambda: not is_waiting(running.proxy))
            await harness.until(lambda: loop.time() > asked_s + 5 * SHORT_S)
            assert len(script.requests) == 1
            recorder = running.proxy._recorder
            del recorder._flush
            recorder._flush()
            received += await reader.readexactly(len(WHOLE))
            writer.write(LAST)
            received += await reader.read()
        waited, _ = running.records()[1:]
        assert waited.duration_ns < 4 * SHORT_S * 1e9, "the wait for room counted as latency"
        return received, script, running

    _, requests, _ = ways.both(scenario)
    assert len(requests) == 3
    assert ways.counts["handed_over"] == 1


@pytest.mark.parametrize("pipelined", [False, True])
def test_error_of_a_planner_ends_the_connection_of_its_call_alone(ways, harness, pipelined):
    async def scenario():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        script = Script(harness)
        async with ways.proxy(script) as running:
            draw = harness.planner.draw

            def draw_or_fail(call):
                if call.target == "/bad":
                    raise RuntimeError("too many streams")
                return draw(call)

            harness.planner.draw = draw_or_fail
            bad = GET.replace(b"/x", b"/bad")
            received = await harness.talk(running.port, (GET if pipelined else b"") + bad)
            received += await harness.talk(running.port, GET + LAST)
        assert [context["message"] for context in reported] == [
            "a connection ended by an error of the proxy itself"
        ]
        assert script.connection_count == 1
        return received, script, running

    received, _, _ = ways.both(scenario)
    assert received.count(WHOLE) == 1 + pipelined


def test_error_of_recording_ends_the_connection_of_its_call_alone(ways, harness, monkeypatch):
    add = Recorder.add

    def add_or_fail(recorder, call):
        if isinstance(call, FinishedCall) and call.context.target == "/bad":
            raise RuntimeError("not to be recorded")
        add(recorder, call)

    monkeypatch.setattr(Recorder, "add", add_or_fail)

    async def scenario():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        script = Script(harness)
        async with ways.proxy(script) as running:
            received = await harness.talk(running.port, GET.replace(b"/x", b"/bad") + GET)
            received += await harness.talk(running.port, GET + LAST)
            assert running.proxy.inflight_count == 0
        assert [str(context["exception"]) for context in reported] == ["not to be recorded"]
        assert script.connection_count == 1
        return received, script, running

    received, requests, _ = ways.both(scenario)
    assert received.count(WHOLE) == 2
    assert len(requests) == 3
