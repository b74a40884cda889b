"""What both kinds of connections share: back-pressure, pausing and three ways to end."""

import asyncio
import contextlib
import math

from earthwire.proxy.wire.connection import Connection
from earthwire.proxy.wire.turns import Turns


@contextlib.asynccontextmanager
async def connected(harness):
    """Yield a connection of ours and the reader and writer of its peer."""
    loop = asyncio.get_running_loop()
    made = loop.create_future()

    def accept():
        connection = Connection(Turns(loop))
        made.set_result(connection)
        return connection

    server = await loop.create_server(accept, "127.0.0.1", 0)
    reader, writer = await harness.connect(server.sockets[0].getsockname()[1])
    connection = await made
    await harness.until(lambda: hasattr(connection, "transport"))
    try:
        yield connection, reader, writer
    finally:
        connection.abort()
        server.close()
        await harness.close_connections()


def test_new_connection_is_never_overdue(harness, play):
    async def scenario():
        async with connected(harness) as (connection, _, _):
            return connection.overdue_at_s, connection.closed, connection.write_full

    assert play(scenario()) == (math.inf, False, False)


def test_drain_waits_until_the_peer_reads(harness, play):
    async def scenario():
        async with connected(harness) as (connection, reader, writer):
            writer.transport.pause_reading()
            while not connection.write_full:
                connection.transport.write(b"x" * 65536)
                await asyncio.sleep(0)
            _, drained = harness.in_fiber(connection.drain())
            await asyncio.sleep(0.05)
            waited = not drained.done()
            writer.transport.resume_reading()

            async def read():
                while await reader.read(1 << 20):
                    pass

            reading = asyncio.create_task(read())
            await drained
            reading.cancel()
            return waited, connection.write_full

    assert play(scenario()) == (True, False)


def test_drain_ends_with_the_connection(harness, play):
    async def scenario():
        async with connected(harness) as (connection, _, writer):
            writer.transport.pause_reading()
            while not connection.write_full:
                connection.transport.write(b"x" * 65536)
                await asyncio.sleep(0)
            _, drained = harness.in_fiber(connection.drain())
            connection.abort()
            await drained
            return connection.closed

    assert play(scenario())


def test_flushed_bytes_arrive_although_a_reset_follows(harness, play):
    async def scenario():
        async with connected(harness) as (connection, reader, _):
            connection.transport.write(b"last words")
            _, flushed = harness.in_fiber(connection.flushed())
            await flushed
            connection.reset()
            received, ended = b"", "fin"
            try:
                while data := await reader.read(100):
                    received += data
            except ConnectionResetError:
                ended = "rst"
            return received, ended

    assert play(scenario()) == (b"last words", "rst")


def test_close_ends_in_order(harness, play):
    async def scenario():
        async with connected(harness) as (connection, reader, _):
            connection.transport.write(b"last words")
            connection.close()
            return await reader.read()

    assert play(scenario()) == b"last words"


def test_pausing_twice_and_resuming_once_is_enough(harness, play):
    async def scenario():
        async with connected(harness) as (connection, _, _):
            connection.pause_reading()
            connection.pause_reading()
            assert connection.reading_paused
            connection.resume_reading()
            connection.resume_reading()
            assert not connection.reading_paused
            connection.abort()
            connection.pause_reading()
            return connection.reading_paused

    assert play(scenario()) is False
