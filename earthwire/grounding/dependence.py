"""Fits how the latencies of one session hang together, from the products of their normal scores.

The autocorrelation of one tool's scores within a session is modelled as ``r(k) = a_s + a_t + a_l φ^k``; pairs of
different tools give ``a_s`` alone. Shares are found by non-negative least squares on a grid of φ.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from earthwire.fault_models.dependence import Dependence
from earthwire.traces.calls import Calls, FloatArray

_LAGS = 10
_PAIRS_MIN = 30
_SHARE_MAX = 0.95
_MEMORIES = np.arange(0.05, 0.99, 0.02)


@dataclass(frozen=True, slots=True)
class ScoreProducts:
    """Sums over the sessions of one shard; add them up to get those of the whole.

    Attributes:
        squares, count: Σ z² and number of calls.
        lag_products, lag_counts: Σ z_j z_{j+k} over pairs k calls of one tool apart, shape (10,), and their number.
        cross_products, cross_weight: Σ of the mean product of pairs of different tools in a session, times the calls
            of the session, and the sum of those weights.
        sessions: sessions with at least two calls.
    """

    squares: float
    count: int
    lag_products: FloatArray
    lag_counts: FloatArray
    cross_products: float
    cross_weight: float
    sessions: int

    def __add__(self, other: "ScoreProducts") -> "ScoreProducts":
        return ScoreProducts(
            self.squares + other.squares,
            self.count + other.count,
            self.lag_products + other.lag_products,
            self.lag_counts + other.lag_counts,
            self.cross_products + other.cross_products,
            self.cross_weight + other.cross_weight,
            self.sessions + other.sessions,
        )


def score_products(calls: Calls, scores: FloatArray) -> ScoreProducts:
    """Sum up the products of normal scores within sessions.

    Args:
        calls: calls in session order.
        scores: normal score of each call, shape (n_calls,).
    """
    lag_products, lag_counts = _lagged(calls, scores)
    cross_products, cross_weight = _across_tools(calls, scores)
    sizes = np.bincount(calls.session)
    return ScoreProducts(
        float(scores @ scores),
        len(scores),
        lag_products,
        lag_counts,
        cross_products,
        cross_weight,
        int((sizes >= 2).sum()),
    )


def fit_dependence(products: ScoreProducts) -> Dependence:
    """Fit the shares of variance; all zero where there are fewer than 30 pairs."""
    pairs = int(products.lag_counts[0])
    scale = products.squares / max(products.count, 1)
    enough = products.lag_counts >= _PAIRS_MIN
    if scale <= 0 or (not enough[0] and products.cross_weight < _PAIRS_MIN):
        return Dependence(session_count=products.sessions, pair_count=pairs)
    session_share = 0.0
    if products.cross_weight >= _PAIRS_MIN:
        session_share = min(max(products.cross_products / products.cross_weight / scale, 0.0), _SHARE_MAX)
    tool_share, level_share, memory = 0.0, 0.0, 0.0
    if enough[0]:
        lags = np.flatnonzero(enough)
        correlation = products.lag_products[lags] / products.lag_counts[lags] / scale - session_share
        tool_share, level_share, memory = _constant_and_decay(lags.astype(np.float64) + 1.0, correlation)
    excess = session_share + tool_share + level_share
    shrink = min(1.0, _SHARE_MAX / excess) if excess > 0 else 1.0
    return Dependence(
        session_share=round(session_share * shrink, 4),
        tool_share=round(tool_share * shrink, 4),
        level_share=round(level_share * shrink, 4),
        level_memory=round(memory, 4),
        session_count=products.sessions,
        pair_count=pairs,
    )


def _constant_and_decay(lags: FloatArray, correlation: FloatArray) -> tuple[float, float, float]:
    """Return the non-negative least-squares fit of ``a_t + a_l φ^k``: a_t, a_l, φ."""
    best = (np.inf, 0.0, 0.0, 0.0)
    for memory in _MEMORIES:
        design = np.column_stack((np.ones(len(lags)), memory**lags))
        shares, error = nnls(design, correlation)
        if error < best[0]:
            best = (error, float(shares[0]), float(shares[1]), float(memory))
    return best[1:]


def _lagged(calls: Calls, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    order = np.lexsort((np.arange(len(calls)), calls.tool, calls.session))
    tool, session, z = calls.tool[order], calls.session[order], scores[order]
    products, counts = np.zeros(_LAGS), np.zeros(_LAGS)
    for k in range(1, min(_LAGS, len(z) - 1) + 1):
        together = (tool[k:] == tool[:-k]) & (session[k:] == session[:-k])
        products[k - 1] = (z[k:] * z[:-k])[together].sum()
        counts[k - 1] = together.sum()
    return products, counts


def _across_tools(calls: Calls, scores: FloatArray) -> tuple[float, float]:
    """Sum over sessions the mean product of two different tools' scores, weighted by the session's calls.

    Σ over pairs of different tools = [(Σ z)² - Σ_tools (Σ_tool z)²] / 2, for each session.
    """
    width = len(calls.tool_names)
    cell, position = np.unique(calls.session * width + calls.tool, return_inverse=True)
    cell_sum, cell_count = np.bincount(position, weights=scores), np.bincount(position)
    _, session = np.unique(cell // width, return_inverse=True)
    total, count = np.bincount(session, weights=cell_sum), np.bincount(session, weights=cell_count)
    products = (total**2 - np.bincount(session, weights=cell_sum**2)) / 2
    pairs = (count**2 - np.bincount(session, weights=cell_count**2)) / 2
    several = pairs > 0
    return float((products[several] / pairs[several] * count[several]).sum()), float(count[several].sum())
