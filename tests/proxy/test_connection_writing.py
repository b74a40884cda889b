"""What a connection writes: at once where that is possible, complete and in order in any case."""

import asyncio
import contextlib
import socket

import pytest
import uvloop

from earthwire.proxy.wire.connection import Connection
from earthwire.proxy.wire.turns import Turns

FAR_TOO_MUCH = b"".join(b"%07d\n" % number for number in range(1 << 19))
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request):
    """Run a scenario with a connection and the socket at its other end, on each kind of loop."""

    def run_scenario(scenario):
        async def with_connection():
            loop = asyncio.get_running_loop()
            made = []
            server = await loop.create_server(
                lambda: made.append(Connection(Turns(loop))) or made[0], "127.0.0.1", 0
            )
            far = socket.create_connection(server.sockets[0].getsockname())
            far.setblocking(False)
            while not made or made[0]._descriptor is None:
                await asyncio.sleep(0)
            with far:
                try:
                    return await asyncio.wait_for(scenario(made[0], far), 20)
                finally:
                    made[0].abort()
                    server.close()
                    await server.wait_closed()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(with_connection())

    return run_scenario


async def received(far, byte_count):
    data = b""
    while len(data) < byte_count:
        data += await asyncio.get_running_loop().sock_recv(far, 1 << 16)
    return data


def test_bytes_leave_before_the_loop_turns(run):
    async def scenario(connection, far):
        connection.write(b"at once")
        assert far.recv(100) == b"at once"  # A socket that cannot wait.

    run(scenario)


def test_what_does_not_fit_at_once_follows_whole_and_in_order(run):
    async def scenario(connection, far):
        connection.write(FAR_TOO_MUCH)
        assert connection.write_full
        connection.write(b"the end")
        assert await received(far, len(FAR_TOO_MUCH) + 7) == FAR_TOO_MUCH + b"the end"
        await connection.drain()
        connection.write(b"again")
        assert await received(far, 5) == b"again"

    run(scenario)


def test_bytes_wait_for_those_that_the_transport_still_has(run):
    async def scenario(connection, far):
        connection.transport.write(b"first, ")
        connection.write(b"second")
        assert await received(far, 13) == b"first, second"

    run(scenario)


def test_nothing_is_written_to_whoever_has_the_number_of_a_lost_connection(run):
    async def scenario(connection, far):
        lost_number = connection.transport.get_extra_info("socket").fileno()
        connection.close()
        strangers = []
        while lost_number not in strangers:
            await asyncio.sleep(0)
            pair = socket.socketpair()
            strangers += [one.detach() for one in pair]
        held = [socket.socket(fileno=number) for number in strangers]
        with contextlib.suppress(RuntimeError):  # uvloop's transports say so.
            connection.write(b"private")
        with contextlib.ExitStack() as opened:
            for one in held:
                opened.enter_context(one)
            for one in held:
                one.setblocking(False)
                with pytest.raises(BlockingIOError):
                    one.recv(100)

    run(scenario)


def test_peer_that_is_gone_ends_the_connection_and_raises_nothing(run):
    async def scenario(connection, far):
        far.close()
        while not connection.closed:
            connection.write(b"anybody there?")
            await asyncio.sleep(0)

    run(scenario)
