"""Connections end up at the worker that serves their episode, with everything that was sent on them."""

import re
import socket

from earthwire.proxy.workers import worker_of
from earthwire.traces import read_all

CLIENT_TIMEOUT_S = 20.0
WORKER_COUNT = 3
EPISODES = [f"run-{number}" for number in range(12)]


def converse(port: int, sent: bytes, answer_count: int) -> bytes:
    """Send bytes on one connection and return what comes back up to so many answers."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), CLIENT_TIMEOUT_S) as connection:
        connection.sendall(sent)
        while received.count(b'{"state": "ready"}') < answer_count:
            data = connection.recv(1 << 16)
            assert data, received
            received += data
    return received


def seen(received: bytes) -> list[str]:
    return re.findall(r"X-Saw: (.*)\r\n", received.decode())


def test_pipelined_requests_of_many_episodes_are_answered_in_order_on_one_connection(workers, tmp_path):
    record = tmp_path / "calls.jsonl"
    sent = b"".join(
        f"GET /e/{episode}/{episode} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for episode in EPISODES
    )
    with workers(WORKER_COUNT, record) as running:
        received = converse(running.port, sent, len(EPISODES))
        assert running.stop() == 0
    assert seen(received) == [f"/{episode} 0" for episode in EPISODES]
    assert len({worker_of(episode, WORKER_COUNT) for episode in EPISODES}) == WORKER_COUNT
    assert sorted(call.episode for call in read_all([record])) == sorted(EPISODES)


def test_a_body_that_comes_with_its_head_or_after_it_is_not_lost(workers):
    """Half a megabyte each: some of it is read before the connection is passed on, and most of it is not."""
    body = bytes(range(256)) * 2048
    with workers(WORKER_COUNT) as running:
        for episode in EPISODES:
            head = f"POST /e/{episode}/upload HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            received = converse(running.port, head.encode() + body, 1)
            assert seen(received) == [f"/upload {len(body)}"]


def test_a_head_that_comes_byte_by_byte_gets_there(workers):
    with workers(WORKER_COUNT) as running:
        for episode in EPISODES[:4]:
            with socket.create_connection(("127.0.0.1", running.port), CLIENT_TIMEOUT_S) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in f"GET /e/{episode}/x HTTP/1.1\r\nHost: a\r\n\r\n".encode():
                    connection.sendall(bytes([byte]))
                assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_every_workers_own_port_serves_every_episode(workers):
    with workers(WORKER_COUNT) as running:
        for port in running.ports:
            for episode in EPISODES[:6]:
                received = converse(port, f"GET /e/{episode}/x HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 1)
                assert seen(received) == ["/x 0"]
