"""Which core runs what, where a single request is timed.

A request that crosses from core to core waits for each of them to wake up. On a virtual machine that takes longer than
the proxies do, now and then three times as long, and says nothing of them.
"""

import contextlib
import os
from collections.abc import Iterator
from itertools import chain

from process import family

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
SERVING = frozenset(_CORES[-1:])
"""The proxy that is measured and the tool behind it; empty where a process cannot be kept on a core."""
ASKING = frozenset(_CORES[:-1]) or SERVING
"""Clients that keep a core busy by themselves."""


@contextlib.contextmanager
def pinned(cores: frozenset[int], *pids: int) -> Iterator[None]:
    """Keep this process and what it starts on these cores for a while, and so the single-threaded processes `pids`."""
    before: dict[int, set[int]] = {}
    if cores:
        for member in chain([0], *map(family, pids)):
            before[member] = os.sched_getaffinity(member)
            os.sched_setaffinity(member, cores)
    try:
        yield
    finally:
        for member, own in before.items():
            os.sched_setaffinity(member, own)
