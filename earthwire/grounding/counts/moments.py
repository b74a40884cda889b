"""Moments of log latency by tool and outcome kind, and how much of their variance lies between sessions.

Sums are kept in whole bins (`tally.BIN_WIDTH`), hence exact, whatever the order in which shards are added.
"""

from dataclasses import dataclass

import numpy as np

from earthwire.grounding.counts.tally import BIN_WIDTH, Tally
from earthwire.traces.columns.calls import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of each cell (tool, kind), all of shape (n_cells,).

    Attributes:
        keys: the cells, shape (n_cells, 2).
        count: calls.
        effective_count: calls that independent sampling would need for the same precision of the mean,
            ``n / (1 + (Σ n_s² / n - 1) ρ)`` (Kish, "Survey Sampling", 1965, design effect of clusters).
        mean, variance: of log latency in seconds; the variance is the biased one of all calls together.
        session_correlation: ρ, the intra-class correlation of sessions, pooled over cells (one-way ANOVA).
    """

    keys: IntArray
    count: FloatArray
    effective_count: FloatArray
    mean: FloatArray
    variance: FloatArray
    session_correlation: float


def moments(counts: Tally) -> Moments:
    """Compute the moments of every cell with a latency."""
    sums = counts.session_sums
    n, total, squares, between, session_squares, sessions = sums.counts.T.astype(float)
    mean = total / n
    variance = np.maximum(squares / n - mean**2, 0.0) * BIN_WIDTH**2
    rho = _session_correlation(n, total, squares, between, session_squares, sessions)
    return Moments(
        keys=sums.keys,
        count=n,
        effective_count=n / (1 + (session_squares / n - 1) * rho),
        mean=(mean + 0.5) * BIN_WIDTH,
        variance=variance,
        session_correlation=rho,
    )


def _session_correlation(
    n: FloatArray,
    total: FloatArray,
    squares: FloatArray,
    between: FloatArray,
    session_squares: FloatArray,
    sessions: FloatArray,
) -> float:
    """Return ρ by one-way analysis of variance, pooled over the cells that have at least two sessions."""
    several = sessions >= 2
    if not several.any():
        return 0.0
    n, total, squares, between, session_squares, sessions = (
        column[several] for column in (n, total, squares, between, session_squares, sessions)
    )
    within = (squares - between).sum() / max((n - sessions).sum(), 1.0)
    spread = (between - total**2 / n).sum() - (sessions - 1).sum() * within
    variance_between = max(spread / (n - session_squares / n).sum(), 0.0)
    return float(variance_between / max(variance_between + within, 1e-12))
