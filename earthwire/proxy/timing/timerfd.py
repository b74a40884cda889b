"""One-shot timer on a Linux timerfd: a file descriptor that becomes readable at an absolute monotonic time."""

import ctypes
import os
import sys
from typing import Protocol

NANOSECONDS_PER_SECOND = 1_000_000_000

# <sys/timerfd.h>, the same on every Linux architecture that Python supports.
_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1


class Timerfd(Protocol):
    """A timer whose descriptor becomes readable when it expires."""

    fd: int

    def arm(self, deadline_ns: int) -> None:
        """Expire at this time of the monotonic clock; replaces an earlier deadline."""


def open_timerfd() -> Timerfd | None:
    """Return a timer, or None where the platform has none."""
    if not sys.platform.startswith("linux"):
        return None
    if hasattr(os, "timerfd_create"):
        return _StandardTimerfd()
    library = ctypes.CDLL(None, use_errno=True)
    return _CtypesTimerfd(library) if hasattr(library, "timerfd_create") else None


class _StandardTimerfd:
    """The timer of the standard library (Python 3.13 and later)."""

    def __init__(self) -> None:
        # Reached by name because type checkers for older Pythons do not know these functions.
        self._settime_ns = getattr(os, "timerfd_settime_ns")  # noqa: B009
        create = getattr(os, "timerfd_create")  # noqa: B009
        self.fd: int = create(_CLOCK_MONOTONIC, flags=os.O_NONBLOCK | os.O_CLOEXEC)

    def arm(self, deadline_ns: int) -> None:
        self._settime_ns(self.fd, flags=_TFD_TIMER_ABSTIME, initial=max(1, deadline_ns))


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _CtypesTimerfd:
    """The same two system calls through ctypes."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._setting = _Itimerspec()
        self._setting_reference = ctypes.byref(self._setting)
        self.fd: int = library.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")

    def arm(self, deadline_ns: int) -> None:
        # A value of zero would disarm the timer.
        value = self._setting.value
        value.seconds, value.nanoseconds = divmod(max(1, deadline_ns), NANOSECONDS_PER_SECOND)
        if self._library.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, self._setting_reference, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime failed")
