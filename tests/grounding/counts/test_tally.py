from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from earthwire.fault_models.laws.outcome import START
from earthwire.fault_models.laws.regime import AGE_BINS
from earthwire.grounding.counts.cells import Cells
from earthwire.grounding.counts.tally import Tally, bin_log_s, latency_bin, merge, tally
from earthwire.traces.columns.calls import Calls
from earthwire.traces.labels.outcome_kind import is_fault
from tests.grounding.synthetic import calls_of, make_calls


def assert_same(a: Tally, b: Tally) -> None:
    for field in fields(Tally):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, Cells):
            np.testing.assert_array_equal(one.keys, other.keys, err_msg=field.name)
            np.testing.assert_array_equal(one.counts, other.counts, err_msg=field.name)
        else:
            assert one == other, field.name


def shards(calls: Calls, count: int, seed: int) -> list[Calls]:
    names = np.unique(calls.session)
    owner = np.random.default_rng(seed).integers(count, size=len(names))
    return [calls.of_sessions(names[owner == i]) for i in range(count)]


@pytest.mark.parametrize("count", [2, 7])
def test_tally_of_the_whole_is_the_sum_of_its_shards_in_any_order(count: int):
    calls = make_calls()
    parts = [tally(shard) for shard in shards(calls, count, seed=count)]
    assert_same(merge(parts), merge([tally(calls)]))
    assert_same(merge(parts[::-1]), merge([tally(calls)]))


def test_bins_are_within_half_a_percent():
    latency_s = np.geomspace(1e-5, 1e3, 10_000)
    middle = np.exp(bin_log_s(latency_bin(latency_s)))
    assert np.abs(middle / latency_s - 1).max() <= 0.00502


def test_transitions_are_counted_by_tool_inside_a_session():
    counts = tally(
        calls_of(
            ["a", "b", "a", "a", "a"],
            ["s1", "s1", "s1", "s2", "s2"],
            ["timeout", "ok", "ok", "ok", "timeout"],
            np.ones(5),
        )
    )
    names = counts.kind_names
    seen = {
        (counts.tool_names[tool], names[previous], names[kind]): count
        for (tool, previous, kind), count in zip(
            counts.transitions.keys.tolist(), counts.transitions.counts.tolist(), strict=True
        )
    }
    assert seen == {
        ("a", START, "timeout"): 1,
        ("a", "timeout", "ok"): 1,
        ("a", START, "ok"): 1,
        ("a", "ok", "timeout"): 1,
        ("b", START, "ok"): 1,
    }


def test_hazards_count_what_follows_by_the_age_of_the_run():
    """Tool a: ok ok ok bad bad ok; tool b is called once; a session begins anew."""
    kinds = ["ok", "ok", "ok", "timeout", "timeout", "ok"]
    counts = tally(
        calls_of(["a"] * 6 + ["b", "a"], ["s1"] * 7 + ["s2"], [*kinds, "ok", "timeout"], np.ones(8))
    )
    hazards = counts.hazards
    seen = {
        (counts.tool_names[tool], counts.kind_names[kind], age): tuple(sums)
        for (tool, kind, age), sums in zip(hazards.keys.tolist(), hazards.counts.tolist(), strict=True)
    }
    # Ages 1, 2 and 3 of ok fall into bins 0, 1 and 1.
    assert seen == {
        ("a", "ok", 0): (1, 0),
        ("a", "ok", 1): (2, 1),
        ("a", "timeout", 0): (1, 0),
        ("a", "timeout", 1): (1, 1),
    }


def test_counts_are_those_of_going_from_call_to_call():
    """Runs of up to 400 calls, so that every bin of ages occurs, against one plain loop."""
    rng = np.random.default_rng(5)
    count = 6_000
    kinds = np.repeat(
        rng.choice(["ok", "http_4xx:404", "timeout", "cancelled"], 80), rng.integers(1, 400, 80)
    )
    latency_s = np.exp(rng.normal(0, 1, count)).round(3)
    latency_s[rng.random(count) < 0.1] = np.nan
    session = np.sort(rng.choice(["s1", "s2", "s3"], count))
    calls = calls_of(rng.choice(["a", "b"], count), session, np.resize(kinds, count), latency_s)
    counts = tally(calls)
    transitions, hazards, sums = _counted_one_by_one(calls)
    for cells, expected in ((counts.transitions, transitions), (counts.hazards, hazards)):
        assert dict(zip(map(tuple, cells.keys.tolist()), cells.counts.tolist(), strict=True)) == expected
    assert max(age for _, _, age in hazards) == AGE_BINS - 1
    found = dict(zip(map(tuple, counts.session_sums.keys.tolist()), counts.session_sums.counts, strict=True))
    assert found.keys() == sums.keys()
    for cell, by_session in sums.items():
        bins = [np.array(values) for values in by_session.values()]
        every = np.concatenate(bins)
        assert found[cell].tolist() == [
            len(every),
            every.sum(),
            (every**2).sum(),
            sum(round(float(part.sum()) ** 2 / len(part)) for part in bins),
            sum(len(part) ** 2 for part in bins),
            len(bins),
        ]


def _counted_one_by_one(calls: Calls) -> tuple[Counter, dict, dict]:
    transitions: Counter[tuple[int, int, int]] = Counter()
    hazards: dict[tuple[int, int, int], list[int]] = {}
    sums: dict[tuple[int, int], dict[int, list[int]]] = {}
    last: dict[tuple[int, int], tuple[int, int]] = {}
    rows = zip(calls.session.tolist(), calls.tool.tolist(), calls.kind.tolist(), calls.latency_s, strict=True)
    for session, tool, kind, latency_s in rows:
        name = calls.kind_names[kind]
        if name == "cancelled":
            continue
        previous, age = last.get((session, tool), (len(calls.kind_names), 0))
        transitions[tool, previous, kind] += 1
        ends = age > 0 and is_fault(name) != is_fault(calls.kind_names[previous])
        if age:
            seen = hazards.setdefault((tool, previous, min(age.bit_length() - 1, AGE_BINS - 1)), [0, 0])
            seen[0] += 1
            seen[1] += ends
        last[session, tool] = (kind, 1 if ends else age + 1)
        if latency_s > 0:
            found = int(latency_bin(np.array([latency_s]))[0])
            sums.setdefault((tool, kind), {}).setdefault(session, []).append(found)
    return transitions, hazards, sums


def test_calls_that_the_agent_cancelled_say_nothing_of_the_tool():
    counts = tally(calls_of(["a", "a"], ["s", "s"], ["ok", "cancelled"], np.ones(2)))
    assert counts.transitions.counts.sum() == 1
    assert counts.latency.counts.sum() == 1


def test_nothing_to_count_gives_an_empty_tally():
    calls = make_calls(sessions=1, calls_per_session=1)
    counts = tally(calls.select(np.zeros(1, dtype=bool)))
    assert counts.calls == 0
    assert len(counts.latency.counts) == 0
