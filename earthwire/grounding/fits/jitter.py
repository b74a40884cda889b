"""Fits how much a tool's calls vary from one to the next: in which sessions more than in others, and of its own.

A session's spread is mostly that of its tools about one another. Sessions differ more in how steady one tool's calls
are, and there tools of one session go together. What is seen of it are the differences of successive calls of one tool,
in cells (session, tool). The log of a cell's mean square is the sum of a session's part, the cell's own part and the
noise of a variance of few calls (Smyth 2004, section 6.2); what cells of one session have in common tells the first two
apart.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from earthwire.fault_models.laws.dependence import Dependence
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

PAIRS_MIN = 50
"""Pairs of successive calls of one tool without which nothing is said."""

_FREEDOM_OF_PAIR = 2 / 3
"""Degrees of freedom that a squared difference of successive normal scores adds (von Neumann 1941: the mean square
successive difference is 2/3 as efficient as the variance)."""
_RELATIVE_SQUARE_MIN = 3e-3
"""Calls that took equally long differ by nothing: their mean square counts as this share of the usual one."""
_SESSION_WEIGHT_MAX = 10.0
"""Weight of a session at most, in cells of many calls: the largest few are not to speak for all."""
_PAIRS_WEIGHT_MAX = 30
_CONTRAST_MAX = 0.9
_JITTER_RANGE = (0.1, 3.0)


@dataclass(frozen=True, slots=True)
class JitterFit:
    """How restless sessions and tools in them are.

    Attributes:
        session: q of each session, shape (n_sessions,); 1 for all of them where they do not differ.
        contrast: d, by how much a tool in a session is calmer or more restless than that.
    """

    session: FloatArray
    contrast: float


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells (session, tool) with at least one pair of successive calls, all of shape (n_cells,).

    Attributes:
        session: position of the cell's session.
        pairs: number of pairs.
        square: mean square of their differences over what the law expects without jitter.
        log_square: log of `square`, free of the bias of a log of few.
        noise: variance of `log_square` about that of the true variance.
    """

    session: IntArray
    pairs: FloatArray
    square: FloatArray
    log_square: FloatArray
    noise: FloatArray

    @property
    def weight(self) -> FloatArray:
        """Weight of each cell."""
        return 1.0 / (self.noise + 0.5)


def fit_jitter(
    calls: Calls, session: IntArray, scores: FloatArray, spread: FloatArray, dependence: Dependence
) -> JitterFit:
    """Fit the jitter of sessions and the contrast of tools in them.

    Args:
        calls: calls in session order.
        session: position of each call's session, from 0 without gaps, shape (n_calls,).
        scores: normal score of each call, shape (n_calls,).
        spread: s of each session, shape (n_sessions,).
        dependence: shares of the variance inside a session.
    """
    nothing = JitterFit(np.ones(len(spread)), 0.0)
    cells = _cells(calls, session, scores, spread, dependence)
    if cells.pairs.sum() < PAIRS_MIN:
        return nothing
    log_square = cells.log_square - np.average(cells.log_square, weights=cells.weight)
    common = _common_variance(log_square, cells)
    scatter = float(np.average(log_square**2 - cells.noise, weights=cells.weight**2))
    own = max(scatter - common, 0.0)
    # m² is 1 - d or 1 + d: the log of one is atanh(d) above or below their middle.
    contrast = min(float(np.tanh(np.sqrt(own))), _CONTRAST_MAX)
    if not common:
        return JitterFit(nothing.session, contrast)
    return JitterFit(_session_jitters(log_square, cells, common, own, len(spread)), contrast)


def _cells(
    calls: Calls, session: IntArray, scores: FloatArray, spread: FloatArray, dependence: Dependence
) -> _Cells:
    order = calls.by_tool_in_session
    owner, tool, x = session[order], calls.tool[order], scores[order]
    together = np.flatnonzero((owner[1:] == owner[:-1]) & (tool[1:] == tool[:-1]))
    squares = (x[together + 1] - x[together]) ** 2 / 2
    code, cell = np.unique(owner[together] * len(calls.tool_names) + tool[together], return_inverse=True)
    pairs = np.bincount(cell, minlength=len(code)).astype(float)
    of_session = code // len(calls.tool_names)
    expected = 1.0 - dependence.tool_share - dependence.level_share * dependence.level_memory
    square = np.bincount(cell, weights=squares, minlength=len(code)) / pairs
    square /= expected * spread[of_session] ** 2
    half_freedom = pairs * _FREEDOM_OF_PAIR / 2
    bias = special.digamma(half_freedom) - np.log(half_freedom)
    return _Cells(
        of_session,
        pairs,
        square,
        np.log(square + _RELATIVE_SQUARE_MIN) - bias,
        special.polygamma(1, half_freedom),
    )


def _common_variance(log_square: FloatArray, cells: _Cells) -> float:
    """Return what log squares of different tools of one session have in common: their mean product, at least 0."""
    weighted = cells.weight * log_square
    products = np.bincount(cells.session, weights=weighted) ** 2 - np.bincount(
        cells.session, weights=weighted**2
    )
    weight = np.bincount(cells.session, weights=cells.weight)
    weights = weight**2 - np.bincount(cells.session, weights=cells.weight**2)
    share = 1.0 / np.maximum(weight / _SESSION_WEIGHT_MAX / 2.0, 1.0)
    total = float((weights * share).sum())
    return max(float((products * share).sum()) / total, 0.0) if total > 1e-9 else 0.0


def _session_jitters(
    log_square: FloatArray, cells: _Cells, common: float, own: float, session_count: int
) -> FloatArray:
    """Return q of each session: its cells' mean, shrunk until sessions scatter as the true ones do (Louis 1984)."""
    weight = 1.0 / (cells.noise + own)
    precision = np.bincount(cells.session, weights=weight, minlength=session_count)
    total = np.bincount(cells.session, weights=weight * log_square, minlength=session_count)
    seen = precision > 0
    log_jitter = np.zeros(session_count)
    mean, noise = total[seen] / precision[seen], 1.0 / precision[seen]
    log_jitter[seen] = mean * np.sqrt(common / (common + noise)) / 2
    # Calls are to differ by as much as they did, over all of them.
    pairs = np.minimum(cells.pairs, _PAIRS_WEIGHT_MAX)
    scale = (cells.square * pairs).sum() / (np.exp(2 * log_jitter[cells.session]) * pairs).sum()
    jitters: FloatArray = np.clip(np.exp(log_jitter) * np.sqrt(scale), *_JITTER_RANGE)
    return jitters
