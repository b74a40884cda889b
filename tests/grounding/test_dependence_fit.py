import numpy as np
import pytest
from scipy.optimize import nnls

from earthwire.grounding.dependence_fit import LAGS, SUMS, at_edge, session_sums, shares
from tests.grounding.synthetic import make_calls


def sums_of(correlation: np.ndarray, pairs: float = 1_000.0) -> np.ndarray:
    sums = np.zeros((1, SUMS))
    sums[0, :LAGS], sums[0, LAGS : 2 * LAGS] = correlation * pairs, pairs
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
    calls = make_calls(sessions=6, calls_per_session=15, tools=3)
    scores = np.random.default_rng(2).standard_normal(len(calls))
    expected = np.zeros((6, SUMS))
    for s in range(6):
        rows = np.flatnonzero(calls.session == s)
        for tool in range(3):
            x = scores[rows[calls.tool[rows] == tool]]
            for k in range(1, LAGS + 1):
                expected[s, k - 1] += sum(x[i] * x[i + k] for i in range(len(x) - k))
                expected[s, LAGS + k - 1] += max(len(x) - k, 0)
        products = [
            scores[i] * scores[j] for i in rows for j in rows if i < j and calls.tool[i] != calls.tool[j]
        ]
        expected[s, -2], expected[s, -1] = np.mean(products) * len(rows), len(rows)
    assert np.allclose(session_sums(calls, scores), expected)


def test_a_memory_at_the_edge_is_told():
    assert at_edge(sums_of(np.full(LAGS, 0.3) * 0.99 ** np.arange(LAGS))[0])
    assert not at_edge(sums_of(0.4 * 0.7 ** np.arange(1, LAGS + 1))[0])


def test_too_few_pairs_share_nothing():
    assert shares(sums_of(np.full(LAGS, 0.5), pairs=20.0))[0].tolist() == [0.0, 0.0, 0.0, 0.0]
