import numpy as np
import pytest
from scipy.optimize import nnls

from earthwire.grounding.fits.dependence_fit import (
    DIFFERENCES,
    LAGS,
    PAIRS,
    REFERENCES,
    SUMS,
    at_edge,
    session_sums,
    shares,
)
from tests.grounding.synthetic import calls_of, make_calls


def sums_of(correlation: np.ndarray, pairs: float = 1_000.0) -> np.ndarray:
    sums = np.zeros((1, SUMS))
    sums[0, DIFFERENCES], sums[0, REFERENCES], sums[0, PAIRS] = (1 - correlation) * pairs, pairs, pairs
    return sums


def test_shares_of_an_exact_curve_are_the_curve():
    curve = 0.2 + 0.4 * 0.73 ** np.arange(1, LAGS + 1)
    assert shares(sums_of(curve))[0].tolist() == pytest.approx([0.0, 0.2, 0.4, 0.73], abs=2e-3)


def test_shares_are_the_non_negative_least_squares_fit_at_their_memory():
    """Against scipy, on 100 rows of noise, of which many have a share of zero."""
    rng = np.random.default_rng(0)
    zeros = 0
    for _ in range(100):
        noise = rng.normal(0.1, 0.2, LAGS)
        _, tool, level, memory = shares(sums_of(noise))[0]
        exact, _ = nnls(np.column_stack((np.ones(LAGS), memory ** np.arange(1, LAGS + 1))), noise)
        zeros += int((exact == 0).any())
        shrink = min(1.0, 0.95 / max(exact.sum(), 1e-12))
        assert [tool, level] == pytest.approx((exact * shrink).tolist(), abs=1e-9)
    assert zeros > 20


def test_sums_are_those_of_a_slow_loop():
    """The first session has one tool; in the others no tool has more than 50 pairs."""
    calls = make_calls(sessions=6, calls_per_session=15, tools=3)
    calls.tool[calls.session == 0] = 0
    scores = np.random.default_rng(2).standard_normal(len(calls))
    expected = np.zeros((6, SUMS))
    for s in range(1, 6):
        rows = np.flatnonzero(calls.session == s)
        unlike = [
            (scores[i], scores[j]) for i in rows for j in rows if i < j and calls.tool[i] != calls.tool[j]
        ]
        reference = np.mean([(x - y) ** 2 / 2 for x, y in unlike])
        expected[s, -2], expected[s, -1] = np.mean([x * y for x, y in unlike]) * len(rows), len(rows)
        for tool in range(3):
            x = scores[rows[calls.tool[rows] == tool]]
            for k in range(1, LAGS + 1):
                apart = [(x[i] - x[i + k]) ** 2 / 2 for i in range(len(x) - k)]
                expected[s, [k - 1, LAGS + k - 1, 2 * LAGS + k - 1]] += (
                    sum(apart),
                    reference * len(apart),
                    len(apart),
                )
    assert np.allclose(session_sums(calls, scores), expected)


def test_a_long_session_weighs_no_more_than_fifty_pairs():
    calls = make_calls(sessions=2, calls_per_session=400, tools=2)
    sums = session_sums(calls, np.random.default_rng(3).standard_normal(len(calls)))
    assert (sums[:, PAIRS] == 50).all()


def test_what_sessions_of_one_tool_each_have_in_common_is_left_to_their_levels():
    """Levels come back in any distribution; a part of the tool would come back as a normal one."""
    rng = np.random.default_rng(4)
    level = np.repeat(rng.normal(0, 0.8, 400), 10)
    scores = level + rng.normal(0, 0.6, 4_000)
    calls = calls_of(["a"] * 4_000, [f"s{i // 10:03}" for i in range(4_000)], ["ok"] * 4_000, np.exp(scores))
    between, tool, level_share, _ = shares(session_sums(calls, scores).sum(axis=0, keepdims=True))[0]
    assert between == 0.0
    assert tool + level_share == pytest.approx(0.0, abs=0.03)


def test_a_few_sessions_that_are_far_off_do_not_look_like_dependence():
    """Twenty of 400 sessions are 3 off as a whole, and long. Products of scores would give a tool's share of 0.7."""
    rng = np.random.default_rng(5)
    length = np.where(np.arange(400) < 20, 200, 10)
    session = np.repeat(np.arange(400), length)
    scores = rng.normal(0, 0.6, len(session)) + np.where(session < 20, 3.0, 0.0)
    tool = rng.integers(0, 2, len(session))
    calls = calls_of(
        [f"t{i}" for i in tool], [f"s{i:03}" for i in session], ["ok"] * len(session), np.exp(scores)
    )
    _, tool_share, level_share, _ = shares(session_sums(calls, scores).sum(axis=0, keepdims=True))[0]
    assert tool_share + level_share < 0.1


def test_a_memory_at_the_edge_is_told():
    assert at_edge(sums_of(np.full(LAGS, 0.3) * 0.99 ** np.arange(LAGS))[0])
    assert not at_edge(sums_of(0.4 * 0.7 ** np.arange(1, LAGS + 1))[0])


def test_too_few_pairs_share_nothing():
    assert shares(sums_of(np.full(LAGS, 0.5), pairs=20.0))[0].tolist() == [0.0, 0.0, 0.0, 0.0]
