from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from earthwire.fault_models.profile import Profile
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.counts.censoring import limits_as_latencies
from earthwire.grounding.counts.gathered import SAMPLE_SESSION_CALLS_MAX, BucketCounts, Gathered, gather
from earthwire.grounding.counts.tally import merge, tally
from earthwire.traces.columns.call_columns import columns_from_records
from earthwire.traces.columns.call_store import BUCKETS, CallStore
from earthwire.traces.columns.calls import calls_from_records
from earthwire.traces.record import TraceRecord
from tests.grounding.counts.test_tally import assert_same as assert_same_tally
from tests.traces.columns.test_call_store import assert_same, columns_at, made_records


def gathered(
    folder: Path, records: list[TraceRecord], shards: int = 1, seed: int | None = None, calls_max: int = 10**6
) -> Gathered:
    """Gather records from shards; with a seed, records go to shards at random, and shards come in any order."""
    rows = np.arange(len(records)) if seed is None else np.random.default_rng(seed).permutation(len(records))
    folder.mkdir()
    store = CallStore(folder, "duration", calls_held_max=len(records) // 3)
    for part in np.array_split(rows, shards):
        store.add(columns_at(records, part))
    return gather(store, sample_calls_max=calls_max)


def test_what_fits_is_taken_whole_and_as_the_records_have_it(tmp_path: Path) -> None:
    records = made_records(600)
    calls = limits_as_latencies(calls_from_records(records))
    found = gathered(tmp_path / "store", records)
    assert not found.is_sample
    assert_same(found.calls, calls)
    assert_same_tally(found.counts, merge([tally(calls)]))
    assert laws(found) == calibrate(calls, engine="compact", has_intervals=False)


def test_neither_counts_nor_sample_depend_on_how_calls_were_sharded(tmp_path: Path) -> None:
    records = made_records(600)
    whole = gathered(tmp_path / "whole", records, calls_max=100)
    assert len(whole.calls) == 100
    assert whole.is_sample
    for shards, seed in ((2, 1), (9, 2)):
        split = gathered(tmp_path / str(seed), records, shards, seed, calls_max=100)
        assert_same(split.calls, whole.calls)
        assert_same_tally(split.counts, whole.counts)
        assert laws(split) == laws(whole)


@pytest.mark.parametrize("together", [1, 60])
def test_it_does_not_matter_which_buckets_are_counted_together(
    together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each bucket alone, a few at a time, or (600 calls, by default) all at once."""
    records = made_records(600)
    at_once = gathered(tmp_path / "all", records, calls_max=100)
    monkeypatch.setattr("earthwire.grounding.counts.gathered.BUCKETS_CALLS_MAX", together)
    runs: list[range] = []

    def counted(function: Callable[[range], BucketCounts], asked: Iterable[range]) -> Iterator[BucketCounts]:
        runs.extend(asked)
        return map(function, runs)

    (tmp_path / "parts").mkdir()
    store = CallStore(tmp_path / "parts", "duration")
    store.add(columns_at(records, np.arange(600)))
    found = gather(store, counted, 100)
    assert [number for run in runs for number in run] == list(range(BUCKETS))
    assert len(runs) > 600 // 60
    assert_same(found.calls, at_once.calls)
    assert_same_tally(found.counts, at_once.counts)


def test_counts_are_of_all_calls_whatever_the_sample(tmp_path: Path) -> None:
    records = made_records(600)
    found = gathered(tmp_path / "store", records, calls_max=100)
    assert_same_tally(found.counts, gathered(tmp_path / "all", records).counts)
    profile = laws(found)
    assert sum(tool.calls for tool in profile.tools.values()) == 600
    assert profile.overall.sessions == found.counts.session_count == len({r.session_id for r in records})


def test_a_sample_holds_whole_sessions_but_for_the_last_one(tmp_path: Path) -> None:
    records = made_records(600)
    calls = calls_from_records(records)
    sample = gathered(tmp_path / "store", records, calls_max=200).calls
    all_sizes = dict(zip(calls.session_names, np.bincount(calls.session).tolist(), strict=True))
    sizes = dict(zip(sample.session_names, np.bincount(sample.session).tolist(), strict=True))
    cut = [name for name, size in sizes.items() if size != all_sizes[name]]
    assert len(sizes) >= 5
    assert len(cut) <= 1


def test_a_sample_is_not_of_one_endless_session(tmp_path: Path) -> None:
    """One session of two thirds of all calls: it has its first calls in the sample, and no more."""
    count = 3 * SAMPLE_SESSION_CALLS_MAX
    records = [
        TraceRecord(tool="a", session_id=f"s{i % 500}" if i % 3 == 0 else "endless", seq=i, outcome="ok")
        for i in range(count)
    ]
    (tmp_path / "store").mkdir()
    store = CallStore(tmp_path / "store", "duration")
    store.add(columns_from_records(records))
    calls = gather(store, sample_calls_max=count - 1).calls
    sizes = dict(zip(calls.session_names, np.bincount(calls.session).tolist(), strict=True))
    assert sizes["endless"] == SAMPLE_SESSION_CALLS_MAX
    assert len(sizes) == 501


def test_a_tool_that_answers_outside_the_sample_is_known_to_answer(tmp_path: Path) -> None:
    """Its time-outs are slow answers, also in sessions in which it never answered."""
    cut = {"outcome": "timeout", "latency_censoring": "right", "latency_limit_ns": 10**9}
    records = [TraceRecord(tool="a", session_id=f"s{i}", seq=0, **cut) for i in range(50)]
    records.append(TraceRecord(tool="a", session_id="s50", seq=0, outcome="ok", duration_ns=10**8))
    for calls_max in (10, 100):
        found = gathered(tmp_path / str(calls_max), records, calls_max=calls_max)
        assert {found.calls.kind_names[code] for code in found.calls.kind} == {"ok"}
        assert found.counts.censored.counts.sum() == 50


@pytest.mark.parametrize("calls_max", [1, 599])
def test_bounds_of_a_sample_are_kept_to_the_call(tmp_path: Path, calls_max: int) -> None:
    assert len(gathered(tmp_path / "store", made_records(600), calls_max=calls_max).calls) == calls_max


def laws(found: Gathered) -> Profile:
    return calibrate(found.calls, counts=found.counts, engine="compact", has_intervals=False)
