"""Connections pass from process to process whole, in order, and none is left open by accident."""

import asyncio
import errno
import os
import socket

from earthwire.proxy.workers import Handover, open_mailboxes
from earthwire.proxy.workers.handover import QUEUE_COUNT_MAX

CONNECTION_COUNT = 700
"""More than fit into an inbox at once, so that some wait in the sender."""


class Scene:
    """Two workers on one loop, and what the second one adopted."""

    def __init__(self):
        self.mailboxes = open_mailboxes(2)
        loop = asyncio.get_running_loop()
        self.adopted = []
        self.first = Handover(loop, self.mailboxes, 0, self.adopt)
        self.second = Handover(loop, self.mailboxes, 1, self.adopt)

    def adopt(self, connection, received):
        self.adopted.append(received)
        connection.sendall(b"from the other worker")
        connection.close()

    def close(self):
        self.first.close()
        self.second.close()
        self.mailboxes.close()


def test_many_connections_arrive_in_order_with_what_was_read_from_them(harness, play):
    async def scenario():
        scene = Scene()
        clients = []
        for number in range(CONNECTION_COUNT):
            client, server = socket.socketpair()
            scene.first.send(1, server.detach(), b"%d" % number)
            clients.append(client)
        await harness.until(lambda: len(scene.adopted) == CONNECTION_COUNT)
        answers = set()
        for client in clients:
            answers.add(client.recv(100))
            assert client.recv(100) == b"", "nobody else may hold the connection open"
            client.close()
        scene.close()
        return scene.adopted, answers

    adopted, answers = play(scenario())
    assert adopted == [b"%d" % number for number in range(CONNECTION_COUNT)]
    assert answers == {b"from the other worker"}


def test_a_megabyte_that_was_read_already_is_passed_on(harness, play):
    received = os.urandom(1 << 20)

    async def scenario():
        scene = Scene()
        client, server = socket.socketpair()
        scene.first.send(1, server.detach(), received)
        await harness.until(lambda: scene.adopted)
        client.close()
        scene.close()
        return scene.adopted

    assert play(scenario()) == [received]


def test_connections_that_nobody_takes_are_closed(play):
    """The worker that should take them does not run: so many wait, the rest is closed at once."""

    async def scenario():
        mailboxes = open_mailboxes(2)
        sender = Handover(asyncio.get_running_loop(), mailboxes, 0, lambda *_: None)
        clients = []
        for _ in range(CONNECTION_COUNT + QUEUE_COUNT_MAX):
            client, server = socket.socketpair()
            client.setblocking(False)
            sender.send(1, server.detach(), b"")
            clients.append(client)
        closed_early = is_closed(clients[-1])
        sender.close()
        mailboxes.close()
        closed = [is_closed(client) for client in clients]
        for client in clients:
            client.close()
        return closed_early, closed

    closed_early, closed = play(scenario())
    assert closed_early
    assert all(closed)


def is_closed(client):
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


def test_one_that_cannot_be_passed_on_is_closed_and_does_not_hold_up_the_next_ones(
    harness, play, monkeypatch
):
    """As where more descriptors are under way than the kernel lets a user have."""
    send, refused = socket.send_fds, []

    def send_or_refuse(outbox, messages, descriptors):
        if not refused:
            refused.append(descriptors)
            raise OSError(errno.ETOOMANYREFS, "Too many references: cannot splice")
        return send(outbox, messages, descriptors)

    async def scenario():
        scene = Scene()
        monkeypatch.setattr(socket, "send_fds", send_or_refuse)
        clients = []
        for received in (b"first", b"second"):
            client, server = socket.socketpair()
            scene.first.send(1, server.detach(), received)
            clients.append(client)
        await harness.until(lambda: scene.adopted)
        answers = [client.recv(100) for client in clients]
        for client in clients:
            client.close()
        scene.close()
        return scene.adopted, answers

    assert play(scenario()) == ([b"second"], [b"", b"from the other worker"])
