"""Upstreams: TLS, timeouts and the pool."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess

import pytest

from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Wait
from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.fiber import Fiber
from earthwire.proxy.wire.watchdog import SWEEP_PERIOD_S

COMMON_SERVER_IDLE_S = 5.0
"""After which uvicorn, Node's own server and Apache close an idle connection, unless they are told otherwise."""


def test_base_path_is_put_before_the_target(harness, play):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream:
            url = f"http://127.0.0.1:{upstream.port}/v1/"
            async with harness.proxy(1, upstreams={"tool": url}) as running:
                await harness.talk(running.port, harness.get("/x?y"))
                return upstream.requests[0]

    assert play(scenario()).startswith(b"GET /v1/x?y HTTP/1.1\r\n")


def test_silent_upstream_is_a_504(harness, play):
    async def silent(reader, writer):
        await reader.read()

    async def scenario():
        async with (
            harness.server(silent) as port,
            harness.proxy(port, limits=Limits(upstream_silence_s_max=0.1)) as running,
        ):
            return await harness.talk(running.port, harness.get()), running

    received, running = play(scenario())
    assert received.startswith(b"HTTP/1.1 504 ")
    assert running.records()[0].error_type == "response_timeout"


def test_upload_that_takes_longer_than_the_upstream_may_be_silent_is_answered(harness, play):
    """An upstream cannot answer what its client has not said yet: its silence begins with the last piece."""
    silence_s, piece_count = 2 * SWEEP_PERIOD_S, 8

    async def answer_whole(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(piece_count)
        writer.write(harness.response())

    async def scenario():
        limits = Limits(upstream_silence_s_max=silence_s)
        async with harness.server(answer_whole) as port, harness.proxy(port, limits=limits) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % piece_count)
            for _ in range(piece_count):
                await asyncio.sleep(silence_s / 2)
                writer.write(b"x")
            received = await reader.readuntil(b"\r\n")
            writer.close()
            return received

    assert play(scenario()) == b"HTTP/1.1 200 OK\r\n"


def test_connection_made_as_its_call_is_cancelled_is_closed(harness, play, monkeypatch):
    made = []

    async def scenario():
        async with (
            harness.server(lambda reader, writer: reader.read()) as port,
            harness.proxy(port) as running,
        ):
            source = running.proxy.sources["tool"]
            source.pop().close()
            await harness.until(lambda: not source.connection_count)
            connect = source._connect

            async def connect_and_cancel():
                connection = await connect()
                made.append(connection)
                # The client leaves in the turn in which the connection is there.
                asyncio.get_running_loop().call_soon(fiber.cancel)
                return connection

            monkeypatch.setattr(source, "_connect", connect_and_cancel)
            fiber = Fiber(asyncio.get_running_loop(), source.connect())
            fiber.step()
            await harness.until(lambda: made)
            await harness.until(lambda: not source.connection_count)

    play(scenario())


def test_an_address_that_does_not_answer_does_not_keep_the_next_one_waiting(harness, play, monkeypatch):
    """The connection goes to the address that is there, long before the limit of all of them is over (RFC 8305)."""

    async def scenario():
        async with harness.upstream(harness.response()) as upstream:
            url = f"http://tools.test:{upstream.port}"
            with mute_listener("127.0.0.2", upstream.port), name_of("tools.test", "127.0.0.2", "127.0.0.1"):
                async with harness.proxy(1, upstreams={"tool": url}) as running:
                    return await harness.talk(running.port, harness.get())

    @contextlib.contextmanager
    def name_of(name, *addresses):
        loop_type = type(asyncio.get_running_loop())
        resolve = loop_type.getaddrinfo

        async def resolve_name(loop, host, port, **kind):
            if host != name:
                return await resolve(loop, host, port, **kind)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        with monkeypatch.context() as patched:
            patched.setattr(loop_type, "getaddrinfo", resolve_name)
            yield

    assert play(scenario()).endswith(b"hello")


@contextlib.contextmanager
def mute_listener(address, port):
    """Listen with a queue that is full, so that nobody else's connection is ever made."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield


def test_early_answer_ends_an_upload(harness, play):
    """An upstream that refuses a large body early must not leave the upload stuck."""

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async def scenario():
        async with harness.server(refuse) as port, harness.proxy(port) as running:
            size = 32 * 1024 * 1024
            reader, writer = await harness.connect(running.port)
            writer.write(b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            writer.write(b"x" * size)
            received = await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
            return received

    assert play(scenario()).startswith(b"HTTP/1.1 413 No\r\n")


def test_idle_connection_that_the_upstream_closed_is_not_used_again(harness, play):
    post = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"

    async def once(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(harness.response())

    async def scenario():
        async with harness.server(once) as port, harness.proxy(port) as running:
            source = running.proxy.sources["tool"]
            reader, writer = await harness.connect(running.port)
            statuses = []
            for _ in range(5):
                writer.write(post + b"\r\n")
                head = await reader.readuntil(b"hello")
                statuses.append(head[9:12])
                await harness.until(lambda: source.idle_count == 0)
            writer.close()
            return statuses

    assert play(scenario()) == [b"200"] * 5


@pytest.mark.parametrize(("idle_s_max", "connection_count"), [(60.0, 1), (0.0, 3)])
def test_a_connection_that_was_idle_for_too_long_is_not_used_again(
    harness, play, idle_s_max, connection_count
):
    async def scenario():
        ports = set()

        async def serve(reader, writer):
            while await reader.read(1 << 16):
                ports.add(writer.get_extra_info("peername")[1])
                writer.write(harness.response())

        limits = Limits(upstream_idle_s_max=idle_s_max)
        async with harness.server(serve) as port, harness.proxy(port, limits=limits) as running:
            for _ in range(3):
                assert (await harness.talk(running.port, harness.get())).startswith(b"HTTP/1.1 200 ")
        return ports

    assert len(play(scenario())) == connection_count


def test_idle_connections_are_given_up_before_common_servers_close_theirs():
    """The age is counted in sweeps of the watchdog, so that a connection may be one of them older."""
    assert Limits().upstream_idle_s_max + SWEEP_PERIOD_S < COMMON_SERVER_IDLE_S


def test_connections_that_the_upstream_closes_at_once_leave_nothing_behind(harness, play):
    async def refuse(reader, writer):
        writer.transport.abort()

    async def scenario():
        async with harness.server(refuse) as port, harness.proxy(port) as running:
            for _ in range(20):
                assert (await harness.talk(running.port, harness.get())).startswith(b"HTTP/1.1 502 ")
            source = running.proxy.sources["tool"]
            await harness.until(lambda: source.connection_count == 0)

    play(scenario())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("trusted", [True, False])
def test_https_upstream_is_verified(harness, play, certificate, trusted):
    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(harness.response())
        await writer.drain()
        writer.close()

    async def scenario():
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        ca = certificate / "cert.pem" if trusted else None
        async with harness.server(converse, context) as port:
            url = f"https://127.0.0.1:{port}"
            async with harness.proxy(1, upstreams={"tool": url}, upstream_ca=ca) as running:
                return await harness.talk(running.port, harness.get())

    received = play(scenario())
    if trusted:
        assert received.endswith(b"hello")
    else:
        assert b'"code":"tls_failed"' in received
        assert received.startswith(b"HTTP/1.1 502 ")


def test_connection_with_half_a_request_on_it_is_never_used_again(harness, play):
    """The upstream answers before the body is complete; what is sent next must not become part of that body."""
    seen = []

    async def early(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.partition(b" HTTP")[0])
        writer.write(harness.response())
        seen.append(await reader.read(100))

    async def scenario():
        async with harness.server(early) as port, harness.proxy(port) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
            await reader.readuntil(b"hello")
            await harness.talk(running.port, harness.get("/next"))
            writer.close()
            return seen

    assert play(scenario())[:3] in ([b"POST /half", b"", b"GET /next"], [b"POST /half", b"GET /next", b""])


def test_held_responses_do_not_hold_upstream_connections(harness, play):
    plan = harness.plan(Forward(), Wait(0.5), RelayHead(), RelayBody(0.5), last_byte_s=0.5)

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, plan) as running,
        ):
            calls = []
            for count in range(20):
                calls.append(asyncio.create_task(harness.talk(running.port, harness.get())))
                await harness.until(
                    lambda count=count: min(len(upstream.requests), running.proxy.inflight_count) > count
                )
            answers = await asyncio.gather(*calls)
            return answers, upstream.connection_count

    answers, connection_count = play(scenario())
    assert all(answer.endswith(b"hello") for answer in answers)
    assert connection_count < 10
