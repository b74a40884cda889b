"""What one worker process asks of the others."""

import socket

import pytest

from earthwire.proxy.workers import DeclaredTable, Placement, Scoreboard, Worker, open_mailboxes


@pytest.fixture
def ends():
    """A worker, and the supervisor's end of its lifeline."""
    lifeline, held = socket.socketpair()
    mailboxes = open_mailboxes(1)
    worker = Worker(Placement(0, (1,)), mailboxes, Scoreboard(1), DeclaredTable(1, 8).of(0), lifeline)
    yield worker, held
    for end in (mailboxes, lifeline, held):
        end.close()


def test_a_reload_is_asked_of_the_supervisor(ends):
    worker, held = ends
    worker.ask_for_reload()
    assert held.recv(64, socket.MSG_DONTWAIT)


def test_a_reload_that_nobody_can_be_asked_for_is_an_error_and_no_signal_to_another_process(ends):
    """The parent of a worker whose supervisor was killed is the first process, which was sent a SIGHUP."""
    worker, held = ends
    held.close()
    with pytest.raises(OSError, match="Broken pipe"):
        worker.ask_for_reload()
