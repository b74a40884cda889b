import numpy as np
import pytest

from earthwire.grounding.certainty.clusters import NotStatedError
from earthwire.grounding.certainty.dwell import Runs, mean_run_interval, runs_of


def test_runs_know_which_of_their_ends_were_seen():
    bad = np.array([0, 0, 1, 1, 1, 0, 1, 1], dtype=bool)
    runs = runs_of(bad, np.array([0, 0, 0, 0, 0, 0, 1, 1]))
    assert runs.length.tolist() == [2, 3, 1, 2]
    assert runs.bad.tolist() == [False, True, False, True]
    assert runs.begun.tolist() == [False, True, True, False]
    assert runs.ended.tolist() == [True, True, False, False]
    assert runs.owner.tolist() == [0, 0, 0, 1]


def test_runs_count_what_each_call_stands_for():
    runs = runs_of(np.array([False, True, True, False]), np.zeros(4, dtype=int), np.array([5, 2, 3, 1]))
    assert runs.length.tolist() == [5, 5, 1]


@pytest.mark.parametrize(
    ("name", "draw", "truth"),
    [
        ("geometric", lambda rng, n: rng.geometric(1 / 40, n), 40.0),
        ("nearly equal", lambda rng, n: 1 + rng.poisson(11, n), 12.0),
        ("short or long", lambda rng, n: rng.geometric(np.where(rng.random(n) < 0.7, 0.5, 0.02)), 16.4),
    ],
)
def test_mean_run_is_covered_though_a_quarter_of_the_runs_was_not_seen_to_end(name, draw, truth):
    """200 draws of 120 runs: at 90 % the standard error is 0.021, the bound is three of them below.

    The negative control takes unfinished runs for whole ones.
    """
    covers, naive = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        length, cut = draw(rng, 120), rng.geometric(1 / (3 * truth), 120)
        ended, all_true = cut >= length, np.ones(120, dtype=bool)
        seen = np.minimum(length, cut)
        runs = Runs(seen, all_true, all_true, ended, np.zeros(120, dtype=int))
        covers.append(mean_run_interval(runs, bad=True, confidence=0.9).covers(truth))
        taken = Runs(seen, all_true, all_true, all_true, np.zeros(120, dtype=int))
        naive.append(mean_run_interval(taken, bad=True, confidence=0.9).covers(truth))
    assert np.mean(covers) > 0.837, name
    assert np.mean(naive) < 0.6, name


def test_too_few_finished_runs_are_not_stated():
    runs = runs_of(np.tile([False, True], 9), np.zeros(18, dtype=int))
    with pytest.raises(NotStatedError, match="8 runs"):
        mean_run_interval(runs, bad=True, confidence=0.9)
