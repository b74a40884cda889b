from dataclasses import fields

import numpy as np
import pytest

from earthwire.fault_models.outcome import START
from earthwire.grounding.cells import Cells
from earthwire.grounding.tally import Tally, bin_log_s, latency_bin, merge, tally
from earthwire.traces.calls import Calls
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


def test_calls_that_the_agent_cancelled_say_nothing_of_the_tool():
    counts = tally(calls_of(["a", "a"], ["s", "s"], ["ok", "cancelled"], np.ones(2)))
    assert counts.transitions.counts.sum() == 1
    assert counts.latency.counts.sum() == 1


def test_nothing_to_count_gives_an_empty_tally():
    calls = make_calls(sessions=1, calls_per_session=1)
    counts = tally(calls.select(np.zeros(1, dtype=bool)))
    assert counts.calls == 0
    assert len(counts.latency.counts) == 0
