"""What calibration needs of more calls than fit into memory: exact counts of all, and a sample of whole sessions.

Counts say how often and how slow. How calls hang together in a session is learned from sessions chosen by the hash of
their names: the same ones however the calls were split into files, and whatever other sessions there are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from earthwire.grounding.counts.censoring import limits_as_latencies
from earthwire.grounding.counts.tally import Tally, merge, tally
from earthwire.traces.columns.call_store import BUCKETS, CallStore, bucket_of
from earthwire.traces.columns.calls import Calls, join_calls
from earthwire.traces.columns.session_census import SessionCensus
from earthwire.traces.columns.session_hashes import HashArray

ALL_CALLS_MAX = 200_000
"""Calls that are taken as they are; of more, a sample is."""
SAMPLE_CALLS_MAX = 50_000
"""Calls of a sample."""
SAMPLE_SESSION_CALLS_MAX = 1_250
"""Calls that one session has in a sample: its first ones. So a sample is of 40 sessions at least."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that fitting needs.

    Attributes:
        counts: of all calls.
        calls: all calls, or a sample of them, under the codes of `counts`.
    """

    counts: Tally
    calls: Calls

    @property
    def is_sample(self) -> bool:
        """Whether there were more calls than `calls` holds."""
        return len(self.calls) < self.counts.calls


BUCKETS_CALLS_MAX = 1 << 17
"""Calls of buckets that are counted together; a bucket of more is counted alone."""

MapBuckets = Callable[[Callable[[range], "BucketCounts"], Iterable[range]], Iterator["BucketCounts"]]
"""Calls a function on runs of buckets, and yields the results in order: `map`, or that of a pool of threads."""


def sample_size(call_count: int) -> int:
    """Return how many of all calls fitting needs one by one."""
    return call_count if call_count <= ALL_CALLS_MAX else SAMPLE_CALLS_MAX


def sampled_bucket_count(census: SessionCensus, sample_calls_max: int) -> int:
    """Return how many leading buckets hold the sessions of a sample."""
    last = census.reaching(sample_calls_max, SAMPLE_SESSION_CALLS_MAX)
    return int(bucket_of(np.array([last], dtype=np.uint64))[0]) + 1


def gather(
    store: CallStore,
    map_buckets: MapBuckets = map,
    sample_calls_max: int | None = None,
    counted: Sequence[Tally] = (),
    sampled_buckets: int = BUCKETS,
) -> Gathered:
    """Count all calls of a store and sample its sessions. The store is empty afterwards.

    Args:
        store: the calls.
        map_buckets: how the buckets are gone through.
        sample_calls_max: calls of the sample; by default all that do not exceed `ALL_CALLS_MAX`.
        counted: counts of calls that are not in the store, of sessions beyond the sampled buckets.
        sampled_buckets: number of leading buckets that the sample is taken of.
    """
    if sample_calls_max is None:
        sample_calls_max = sample_size(store.call_count)
    counting = _Counting(store, sample_calls_max, sampled_buckets, is_all=not counted)
    buckets = list(map_buckets(counting.count, counting.runs()))
    counts = merge([*counted, *(bucket.counts for bucket in buckets)])
    return Gathered(counts, _sample(store, buckets, sample_calls_max))


@dataclass(frozen=True, slots=True)
class BucketCounts:
    """Counts of some buckets' calls, and those that may be in the sample, with the hash of each session code."""

    counts: Tally
    calls: Calls
    hashes: HashArray


class _Counting:
    """Goes through the buckets of a store."""

    def __init__(self, store: CallStore, sample_calls_max: int, sampled_buckets: int, is_all: bool) -> None:
        self._store = store
        self._calls_max = sample_calls_max
        self._sampled_buckets = min(sampled_buckets, store.named_bucket_count)
        has_all = is_all and store.call_count <= sample_calls_max
        self._session_calls_max = store.call_count if has_all else SAMPLE_SESSION_CALLS_MAX
        self._taken = np.zeros(BUCKETS, dtype=np.int64)

    def runs(self) -> list[range]:
        """Return the buckets in runs that are counted together; those that give to the sample in none with others."""
        sizes = self._store.bucket_sizes.tolist()
        runs = [range(0)]
        for number, size in enumerate(sizes):
            run = runs[-1]
            fits = sum(sizes[run.start : run.stop]) + size <= BUCKETS_CALLS_MAX
            if fits and number != self._sampled_buckets:
                runs[-1] = range(run.start, number + 1)
            else:
                runs.append(range(number, number + 1))
        return runs

    def count(self, buckets: range) -> BucketCounts:
        """Count some buckets; their calls are kept unless those of the buckets before are known to be enough."""
        calls, hashes = self._store.take(buckets)
        calls = limits_as_latencies(calls, self._store.answering_tools)
        counts = tally(calls)
        enough = self._taken[: buckets.start].sum() >= self._calls_max
        if enough or buckets.start >= self._sampled_buckets:
            return BucketCounts(counts, calls.select(np.zeros(0, dtype=np.int64)), hashes)
        calls = _beginnings(calls, self._session_calls_max)
        self._taken[buckets.start] = len(calls)
        return BucketCounts(counts, calls, hashes)


def _beginnings(calls: Calls, session_calls_max: int) -> Calls:
    """Return the first calls of each session."""
    starts = np.flatnonzero(calls.first_of_session)
    place = np.arange(len(calls)) - starts[calls.session] if len(calls) else calls.session
    return calls.select(place < session_calls_max)


def _sample(store: CallStore, buckets: list[BucketCounts], calls_max: int) -> Calls:
    """Return the first calls in the order of the session hashes, in the order of the session names."""
    parts, names = [], []
    left = calls_max
    for bucket in buckets:
        calls = bucket.calls.select(np.arange(min(left, len(bucket.calls))))
        left -= len(calls)
        used = np.unique(calls.session)
        names += [store.session_name(hashed) for hashed in bucket.hashes[used].tolist()]
        parts.append(replace(calls, session=calls.session + len(names) - len(used)))
    return join_calls(parts, names)
