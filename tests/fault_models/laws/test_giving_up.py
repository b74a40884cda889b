import numpy as np
import pytest

from earthwire.fault_models.laws.giving_up import given_up
from earthwire.fault_models.laws.outcome import START, OutcomeCounts, OutcomeLaw
from earthwire.traces.labels.outcome_kind import is_client_error

GONE = "http_4xx:404"


def counted(sequences: list[list[str]]) -> dict[str, dict[str, int]]:
    after: dict[str, dict[str, int]] = {}
    for sequence in sequences:
        for previous, kind in zip([START, *sequence], sequence, strict=False):
            row = after.setdefault(previous, {})
            row[kind] = row.get(kind, 0) + 1
    return after


def polls(count: int, insisting: float, seed: int = 1) -> list[list[str]]:
    """Good calls until the thing is gone; then most callers stop, and some insist for four more calls."""
    rng = np.random.default_rng(seed)
    return [
        ["ok"] * int(rng.integers(5, 15)) + [GONE] * (5 if rng.random() < insisting else 1)
        for _ in range(count)
    ]


def simulated(law: OutcomeLaw, sequences: list[list[str]], seed: int = 2) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    drawn = []
    for sequence in sequences:
        previous, kinds = START, []
        for u in rng.random(len(sequence)):
            previous = law.draw(float(u), previous)
            kinds.append(previous)
        drawn.append(kinds)
    return drawn


def share_and_run(sequences: list[list[str]]) -> tuple[float, float]:
    bad = [[is_client_error(kind) for kind in sequence] for sequence in sequences]
    runs = sum(
        sum(now and not before for before, now in zip([False, *row], row, strict=False)) for row in bad
    )
    total = sum(map(sum, bad))
    return total / sum(map(len, bad)), total / runs


def test_callers_that_stop_asking_do_not_lengthen_the_runs_of_those_that_are_asked_on():
    """Shares of .1 to .2 in 5,000 calls of short runs have standard errors of about .007; run lengths of about .06."""
    sequences = polls(400, insisting=0.15)
    recorded = share_and_run(sequences)
    law = OutcomeLaw(OutcomeCounts(counted(sequences)))
    share, run = share_and_run(simulated(law, sequences))
    assert share == pytest.approx(recorded[0], abs=0.03)
    assert run == pytest.approx(recorded[1], abs=0.3)


def test_without_giving_up_they_would_be_too_long():
    sequences = polls(400, insisting=0.15)
    law = OutcomeLaw(OutcomeCounts(counted(sequences)))
    law._given_up = {}
    share, run = share_and_run(simulated(law, sequences))
    assert share > 1.5 * share_and_run(sequences)[0]
    assert run > 1.5 * share_and_run(sequences)[1]


def test_sequences_that_are_mistakes_from_end_to_end_stay_so():
    sequences = [[GONE] * 6 for _ in range(50)] + [["ok"] * 6 for _ in range(20)]
    assert given_up(counted(sequences), START) == {}


def test_faults_of_the_tool_itself_are_left_alone():
    sequences = [["ok"] * 9 + ["http_5xx:503"], ["ok"] * 5 + ["http_4xx:429"] * 3]
    assert given_up(counted(sequences), START) == {}
    assert OutcomeLaw(OutcomeCounts(counted(sequences))).counts_after("http_4xx:429") == {"http_4xx:429": 2}


@pytest.mark.parametrize("after", [{}, {START: {"ok": 3}}, {"ok": {GONE: 3}}])
def test_counts_that_tell_nothing_change_nothing(after: dict[str, dict[str, int]]):
    assert given_up(after, START) == {}


def test_ends_count_no_more_often_than_they_were_seen():
    sequences = polls(30, insisting=0.5, seed=4)
    ends = given_up(counted(sequences), START)[GONE]
    assert 0 < ends <= 30


def share_of_mistakes(first: float, enter: float, stay: float, length: int) -> float:
    """Return the expected share of mistakes among the first calls of a chain of two states, call by call."""
    shares = [first]
    for _ in range(length - 1):
        shares.append(shares[-1] * stay + (1 - shares[-1]) * enter)
    return sum(shares) / length


def test_the_chain_comes_to_the_recorded_share_with_as_many_ends_as_are_returned():
    """2,600 sequences of 10 calls, 1 to 5 mistakes at an end; 100 begin with one, and are good from there on."""
    sequences = [["ok"] * 9 + [GONE]] * 2_000 + [["ok"] * 5 + [GONE] * 5] * 500 + [[GONE] + ["ok"] * 9] * 100
    after = counted(sequences)
    ends = given_up(after, START)[GONE]
    assert 0 < ends < 2_500
    stay = after[GONE][GONE] / (sum(after[GONE].values()) + ends)
    enter = after["ok"][GONE] / sum(after["ok"].values())
    recorded = (2_000 + 5 * 500 + 100) / (10 * len(sequences))
    assert share_of_mistakes(100 / 2_600, enter, stay, 10) == pytest.approx(recorded, abs=2e-4)


def test_a_sequence_counts_as_ended_once_for_the_mistake_that_it_ended_with():
    """300 end with a 404, and as many with a 422 that a 404 came before: each kind has its own ends, and no more."""
    wrong = "http_4xx:422"
    sequences = [["ok"] * 8 + [GONE]] * 300 + [["ok"] * 8 + [GONE, wrong]] * 300 + [["ok"] * 5] * 300
    ends = given_up(counted(sequences), START)
    assert 0 < ends[GONE] <= 300
    assert ends[GONE] == ends[wrong]
