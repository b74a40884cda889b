from dataclasses import replace

import numpy as np

from earthwire.grounding.drift.drift_test import sessions_in_time
from earthwire.grounding.drift.half_life import best_half_life, weights
from tests.grounding.synthetic import make_calls


def scored(shift: float, seed: int = 0):
    """160 sessions, one an hour; scores rise by `shift` half-way."""
    made = make_calls(sessions=160, calls_per_session=20, seed=seed)
    calls = replace(made, start_s=3_600.0 * made.session)
    scores = np.random.default_rng(seed).standard_normal(len(calls)) + shift * (made.session >= 80)
    return calls, scores, sessions_in_time(calls)


def test_a_half_life_predicts_better_after_a_change_and_not_without_one():
    changed, same = best_half_life(*scored(1.0)), best_half_life(*scored(0.0))
    assert changed.gain_low > 0.5
    assert changed.half_life_s < 80 * 3_600
    assert same.gain_low < 0
    assert same.gain < 0.1


def test_weights_halve_with_each_half_life():
    assert weights(np.array([0.0, 10.0, 20.0]), 10.0).tolist() == [0.25, 0.5, 1.0]


def test_sessions_that_begin_at_once_have_no_half_life():
    calls, scores, _ = scored(1.0)
    at_once = replace(calls, start_s=np.zeros(len(calls)))
    assert best_half_life(at_once, scores, sessions_in_time(at_once)) is None
