"""Rows: what a turn of the loop brings is taken in first, then written; nothing is lost, mixed up or out of order."""

import asyncio

import pytest

from earthwire.proxy.wire import turns as turns_module
from earthwire.proxy.wire.client_side import CONTINUE
from earthwire.proxy.wire.connection import Connection
from earthwire.proxy.wire.turns import ROW_COUNT_MAX, ROW_COUNT_MIN, SHORT_TURNS_MAX, SMALL_BYTES_MAX, Turns

MANY_COUNT = 40


class Logged(Connection):
    """Writes what it gets into a log, and asks for an answer."""

    def __init__(self, turns, log, name):
        super().__init__(turns)
        self.log = log
        self.name = name
        self._descriptor = None

    def take_in(self, data):
        if data == b"broken":
            raise ValueError("cannot be taken in")
        self.log.append(("in", self.name, data))
        self.turns.write(self, data, lambda written_s: self.log.append(("told", self.name, written_s)))

    def write(self, data):
        if data == b"unwritable":
            raise ValueError("cannot be written")
        self.log.append(("out", self.name, data))

    def abort(self):
        self.closed = True
        self.log.append(("abort", self.name, None))


@pytest.fixture
def always_in_rows(monkeypatch):
    monkeypatch.setattr(turns_module, "SINGLE_COUNT", 0)
    monkeypatch.setattr(turns_module, "ROW_COUNT_MIN", 1)


def make(count):
    turns, log = Turns(asyncio.get_running_loop()), []
    return turns, log, [Logged(turns, log, number) for number in range(count)]


def steps(log):
    return [(kind, name) for kind, name, _ in log]


def test_all_is_taken_in_before_anything_is_written(play, always_in_rows):
    async def scenario():
        _, log, connections = make(3)
        for connection in connections:
            connection.data_received(b"x")
        assert log == []
        await asyncio.sleep(0)
        expected = [(kind, name) for kind in ("in", "out", "told") for name in range(3)]
        assert steps(log) == expected

    play(scenario())


def test_who_wrote_is_told_when_that_was_and_not_when_the_row_ended(play, always_in_rows):
    async def scenario():
        _, log, connections = make(2)
        for connection in connections:
            connection.data_received(b"x")
        await asyncio.sleep(0)
        first_s, second_s = (at_s for kind, _, at_s in log if kind == "told")
        assert first_s < second_s

    play(scenario())


def test_a_write_outside_of_a_row_happens_at_once(play):
    async def scenario():
        turns, log, (connection,) = make(1)
        turns.write(connection, b"x", lambda written_s: log.append(("told", 0, written_s)))
        assert steps(log) == [("out", 0), ("told", 0)]

    play(scenario())


def test_a_large_piece_is_taken_in_at_once_and_behind_those_before_it(play, always_in_rows):
    async def scenario():
        _, log, (connection, other) = make(2)
        other.data_received(b"x")
        connection.data_received(b"y")
        connection.data_received(bytes(SMALL_BYTES_MAX + 1))
        assert [step for step in steps(log) if step[0] == "in"] == [("in", 1), ("in", 0), ("in", 0)]

    play(scenario())


def test_no_more_than_a_row_of_pieces_waits(play, always_in_rows):
    async def scenario():
        _, log, (connection,) = make(1)
        for _ in range(ROW_COUNT_MAX - 1):
            connection.data_received(b"x")
        assert log == []
        connection.data_received(b"x")
        assert steps(log).count(("in", 0)) == ROW_COUNT_MAX

    play(scenario())


def test_what_fails_ends_its_connection_alone(play, always_in_rows):
    async def scenario():
        turns, log, connections = make(4)
        reported = []
        turns.loop.set_exception_handler(lambda loop, context: reported.append(str(context["exception"])))
        for connection, data in zip(connections, (b"x", b"broken", b"unwritable", b"x"), strict=True):
            connection.data_received(data)
        await asyncio.sleep(0)
        assert reported == ["cannot be taken in", "cannot be written"]
        assert [step for step in steps(log) if step[0] == "told"] == [("told", 0), ("told", 3)]
        assert [connection.closed for connection in connections] == [False, True, True, False]

    play(scenario())


def test_a_connection_that_was_closed_meanwhile_takes_in_nothing(play, always_in_rows):
    async def scenario():
        _, log, (connection,) = make(1)
        connection.data_received(b"x")
        connection.closed = True
        await asyncio.sleep(0)
        assert log == []

    play(scenario())


def test_rows_are_made_while_turns_bring_many_pieces_and_no_longer(play):
    async def scenario():
        _, log, connections = make(ROW_COUNT_MIN)

        async def waits():
            """Bring a piece of each connection; tell whether they waited for each other."""
            log.clear()
            for connection in connections:
                connection.data_received(b"x")
            has_waited = not log
            await asyncio.sleep(0)
            return has_waited

        assert not await waits()
        while not await waits():
            pass
        assert all([await waits() for _ in range(100)])
        few = connections[:1]
        for _ in range(SHORT_TURNS_MAX):
            few[0].data_received(b"x")
            await asyncio.sleep(0)
        log.clear()
        few[0].data_received(b"x")
        assert steps(log) == [("in", 0), ("out", 0), ("told", 0)]

    play(scenario())


def test_what_came_before_the_end_of_a_connection_is_taken_in_before_it(play, always_in_rows, harness):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get(close=False))
            writer.write_eof()
            # Had its request not been taken in first, the client would have left without a call.
            assert await reader.read() == CONTINUE + harness.response()
        assert [record.outcome for record in running.records()] == ["ok"]

    play(scenario())


def test_calls_in_rows_get_their_own_answers_in_order(play, always_in_rows, harness):
    def reply(request):
        return harness.response(request.split()[1])

    async def scenario():
        async with harness.upstream(reply) as upstream, harness.proxy(upstream.port) as running:

            async def ask(client):
                reader, writer = await harness.connect(running.port)
                for turn in range(5):
                    targets = [f"/{client}/{turn}/{number}".encode() for number in range(3)]
                    # Pipelined, so that calls begin where others end.
                    writer.write(b"".join(harness.get(target.decode(), close=False) for target in targets))
                    for target in targets:
                        assert await reader.readexactly(len(harness.response(target))) == harness.response(
                            target
                        )

            await asyncio.gather(*map(ask, range(MANY_COUNT)))
        assert len(running.records()) == MANY_COUNT * 15
        assert running.proxy.inflight_count == 0

    play(scenario())
