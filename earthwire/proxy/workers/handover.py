"""Passes client connections from one worker to another, with what was read from them.

The kernel gives a connection on the shared port to any worker, before its first request tells to whom it belongs. So
the worker that finds out passes the open socket on (SCM_RIGHTS), and has no further part in it: what the other worker
does on the wire, resets and silence included, the client sees as it is. Each worker has one inbox, a socket that all
others hold the other end of. The supervisor holds both, so that an inbox outlives a worker that crashes.
"""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable

import msgspec

_MESSAGE = b"c"
_DESCRIPTORS_PER_MESSAGE = 2
_TAKEN_PER_TURN_MAX = 64
QUEUE_COUNT_MAX = 1024
"""Connections that may wait for room in the inbox of a worker that does not read it; beyond, they are closed."""

Adopt = Callable[[socket.socket, bytes], None]


class Mailboxes(msgspec.Struct, frozen=True):
    """Both ends of all inboxes, by the number of the worker."""

    inboxes: tuple[socket.socket, ...]
    outboxes: tuple[socket.socket, ...]

    def close(self) -> None:
        """Close all ends."""
        for end in (*self.inboxes, *self.outboxes):
            end.close()


def open_mailboxes(worker_count: int) -> Mailboxes:
    """Open an inbox for each worker; messages keep their bounds, whoever sends them."""
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(worker_count)]
    for end in (end for pair in pairs for end in pair):
        end.setblocking(False)
    return Mailboxes(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


class Handover:
    """One worker's part in passing connections on.

    Args:
        loop: the running loop.
        mailboxes: of all workers.
        index: number of this worker.
        adopt: takes a connection that another worker passed on, and the bytes that were read from it.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, mailboxes: Mailboxes, index: int, adopt: Adopt
    ) -> None:
        self._loop = loop
        self._inbox = mailboxes.inboxes[index]
        self._outboxes = mailboxes.outboxes
        self._adopt = adopt
        self._queues: list[deque[tuple[int, int]]] = [deque() for _ in mailboxes.outboxes]
        loop.add_reader(self._inbox.fileno(), self._take)

    def send(self, worker: int, descriptor: int, received: bytes) -> None:
        """Pass a connection on.

        Args:
            worker: number of the one that takes it.
            descriptor: of the connection's socket; closed here once it is sent.
            received: bytes that were read from it and belong to nothing that was answered.
        """
        memory = os.memfd_create("earthwire-handover", os.MFD_CLOEXEC)
        with os.fdopen(memory, "wb", closefd=False) as file:
            file.write(received)
        queue = self._queues[worker]
        if len(queue) >= QUEUE_COUNT_MAX:
            _close_all((descriptor, memory))
            return
        queue.append((descriptor, memory))
        if len(queue) == 1:
            self._flush(worker)

    def close(self) -> None:
        """Stop; connections that nobody took are closed."""
        self._loop.remove_reader(self._inbox.fileno())
        for worker, queue in enumerate(self._queues):
            if queue:
                self._loop.remove_writer(self._outboxes[worker].fileno())
            for descriptors in queue:
                _close_all(descriptors)
            queue.clear()

    def _flush(self, worker: int) -> None:
        queue, outbox = self._queues[worker], self._outboxes[worker]
        while queue:
            try:
                socket.send_fds(outbox, [_MESSAGE], queue[0])
            except BlockingIOError:
                self._loop.add_writer(outbox.fileno(), self._flush, worker)
                return
            except OSError:
                # The kernel has a bound on descriptors under way. This connection is closed, and the next one is tried.
                pass
            _close_all(queue.popleft())
        self._loop.remove_writer(outbox.fileno())

    def _take(self) -> None:
        for _ in range(_TAKEN_PER_TURN_MAX):
            try:
                _, descriptors, _, _ = socket.recv_fds(self._inbox, len(_MESSAGE), _DESCRIPTORS_PER_MESSAGE)
            except BlockingIOError:
                return
            if len(descriptors) < _DESCRIPTORS_PER_MESSAGE:
                # This process has no room for more open files.
                _close_all(descriptors)
                continue
            connection, memory = descriptors
            with os.fdopen(memory, "rb") as file:
                file.seek(0)
                received = file.read()
            self._adopt(socket.socket(fileno=connection), received)


def _close_all(descriptors: "tuple[int, ...] | list[int]") -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
