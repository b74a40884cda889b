"""The one-shot timer: readable at its time and not before, through both ways to reach the system calls."""

import os
import select
import sys
import time

import pytest

from earthwire.proxy.timing import timerfd as module
from earthwire.proxy.timing.timerfd import open_timerfd

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="timerfd is a Linux system call")
DELAY_NS = 20_000_000


@pytest.fixture
def timer():
    timer = open_timerfd()
    assert timer is not None
    yield timer
    os.close(timer.fd)


def is_ready(timer, wait_s):
    return bool(select.select([timer.fd], [], [], wait_s)[0])


def test_it_rings_at_its_time_and_never_before(timer):
    for _ in range(10):
        due_ns = time.monotonic_ns() + DELAY_NS
        timer.arm(due_ns)
        assert is_ready(timer, 5.0)
        assert time.monotonic_ns() >= due_ns
        os.read(timer.fd, 8)


@pytest.mark.parametrize("deadline_ns", [-5, 0, 1])
def test_time_that_has_passed_rings_at_once(timer, deadline_ns):
    timer.arm(deadline_ns)
    assert is_ready(timer, 1.0)


def test_new_deadline_replaces_the_old_one(timer):
    timer.arm(1)
    timer.arm(time.monotonic_ns() + 60_000_000_000)
    assert not is_ready(timer, 0.0)


def test_it_rings_once(timer):
    timer.arm(1)
    assert is_ready(timer, 1.0)
    os.read(timer.fd, 8)
    assert not is_ready(timer, 0.05)


def test_reading_before_the_time_does_not_block(timer):
    timer.arm(time.monotonic_ns() + 60_000_000_000)
    with pytest.raises(BlockingIOError):
        os.read(timer.fd, 8)


def test_other_platforms_have_none(monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "darwin")
    assert open_timerfd() is None


def test_descriptor_is_not_inherited(timer):
    assert not os.get_inheritable(timer.fd)
