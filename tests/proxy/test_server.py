"""Starting, refusing to start, and stopping without losing a record."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Wait
from earthwire.proxy.limits import Limits
from earthwire.proxy.serve_config import ServeError
from earthwire.traces.files.jsonl import read_jsonl

SCRIPT = """
import sys
from pathlib import Path
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy import ServeConfig, run
config = ServeConfig(upstreams={"tool": sys.argv[1]}, port=0, record_path=Path(sys.argv[2]))
run(config, PassThrough(), started=lambda proxy: print(proxy.port, flush=True))
"""


def start(harness, play, **options):
    async def scenario():
        async with harness.proxy(1, **options):
            pass

    play(scenario())


def test_taken_port_is_named(harness, play):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"port {port} .*in use; choose another with --port"):
            start(harness, play, port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com", "10.0.0.1"])
def test_public_address_is_refused_unless_allowed(harness, play, host):
    with pytest.raises(ServeError, match="--allow-public"):
        start(harness, play, host=host)


def test_public_address_can_be_allowed(harness, play):
    start(harness, play, host="0.0.0.0", allow_public=True)


def test_upstream_url_must_be_one(harness, play):
    with pytest.raises(ServeError, match="'localhost:80' is not an http"):
        start(harness, play, upstreams={"tool": "localhost:80"})


def test_some_upstream_must_be_given(harness, play):
    with pytest.raises(ServeError, match="no upstream"):
        start(harness, play, upstreams={})


def test_silent_request_head_is_answered_with_408(harness, play):
    async def scenario():
        async with harness.proxy(1, limits=Limits(client_head_s_max=0.1)) as running:
            return await harness.talk(running.port, b"GET /x HTTP/1.1\r\nHost")

    assert play(scenario()).startswith(b"HTTP/1.1 408 ")


def test_idle_connection_is_closed(harness, play):
    async def scenario():
        async with harness.proxy(1, limits=Limits(client_idle_s_max=0.1)) as running:
            return await harness.talk(running.port)

    assert play(scenario()) == b""


def test_connections_beyond_the_bound_get_503(harness, play):
    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, limits=Limits(client_connections_max=1)) as running,
        ):
            _, writer = await harness.connect(running.port)
            await harness.until(lambda: running.proxy.connection_count == 1)
            second = await harness.talk(running.port, harness.get())
            writer.close()
            return second

    assert play(scenario()).startswith(b"HTTP/1.1 503 ")


def test_stopping_lets_calls_in_flight_end(harness, play):
    plan = harness.plan(Forward(), Wait(0.3), RelayHead(), RelayBody())

    async def scenario():
        async with harness.upstream(harness.response()) as upstream:
            async with harness.proxy(upstream.port, plan) as running:
                call = asyncio.create_task(harness.talk(running.port, harness.get(close=False)))
                await harness.until(lambda: running.proxy.inflight_count)
            return await call, running

    received, running = play(scenario())
    assert received.endswith(b"hello")
    assert running.records()[0].outcome == "ok"


def test_stopping_breaks_off_what_takes_too_long_and_records_it(harness, play):
    plan = harness.plan(Forward(), Wait(60.0), RelayHead(), RelayBody())

    async def scenario():
        async with harness.upstream(harness.response()) as upstream:
            async with harness.proxy(upstream.port, plan, limits=Limits(drain_s_max=0.1)) as running:
                reader, writer = await harness.connect(running.port)
                writer.write(harness.get())
                await harness.until(lambda: running.proxy.inflight_count)
            assert await reader.read() == b""
            writer.close()
            return running

    record = play(scenario()).records()[0]
    assert (record.outcome, record.error_type) == ("cancelled", "proxy_stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_flushes_every_record(tmp_path: Path, number: signal.Signals):
    """The client counts its answers; after the signal the file holds exactly as many whole records."""
    path = tmp_path / "records.jsonl"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve_sockets, args=(listener,), daemon=True).start()
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", SCRIPT, upstream, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port)) as client:
                for _ in range(700):
                    client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                    received = b""
                    while not received.endswith(b"hello"):
                        received += client.recv(65536)
                process.send_signal(number)
                assert process.wait(20) == 0
    assert len(list(read_jsonl(path))) == 700


def serve_sockets(listener: socket.socket) -> None:
    """Answer every request on every connection, one thread each."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer_all, args=(connection,), daemon=True).start()


def answer_all(connection: socket.socket) -> None:
    with connection:
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def test_what_was_served_before_a_reload_is_let_go_of_once_its_calls_are_over(harness, play):
    """Each reload kept its planner, with all that it knew of its episodes, its connections and its recordings."""
    plan = harness.plan(Forward(), Wait(0.2), RelayHead(), RelayBody())

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, plan) as running,
        ):
            proxy = running.proxy
            planner = type(harness.planner)(plan)
            await proxy.reload(proxy.config, planner)
            call = asyncio.create_task(harness.talk(running.port, harness.get()))
            await harness.until(lambda: proxy.inflight_count)
            before = [weakref.ref(planner), weakref.ref(proxy.sources["tool"])]
            del planner
            await proxy.reload(proxy.config, harness.planner)
            assert None not in [reference() for reference in before]
            received = await call
            await harness.until(lambda: [reference() for reference in before] == [None, None])
            return received

    assert play(scenario()).endswith(b"hello")
