"""Fits the shares of variance that calls of a session have in common, from sums over sessions.

Everything is a function of 26 sums that add up over sessions, so that the same estimate can be made of any
resampling of the sessions: that is what its interval comes from.
"""

import numpy as np

from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

LAGS = 8
PAIRS_MIN = 50
SHARE_MAX = 0.95

_SESSION_PAIRS_MAX = 50
"""Pairs that one session weighs at most at each lag: the longest few are not to speak for all."""
_MEMORIES = np.arange(0.05, 0.955, 0.01)
DIFFERENCES, REFERENCES, PAIRS = slice(0, LAGS), slice(LAGS, 2 * LAGS), slice(2 * LAGS, 3 * LAGS)
ACROSS, ACROSS_CALLS = 3 * LAGS, 3 * LAGS + 1
SUMS = 3 * LAGS + 2


def session_sums(calls: Calls, scores: FloatArray) -> FloatArray:
    """Return the sums of each session, shape (n_sessions, 26), in the order of the session codes that have calls.

    For pairs k = 1 … 8 calls of one tool apart, with w their number, at most 50: w times the mean of
    (x_j - x_{j+k})² / 2; w times the same of calls of different tools; and w. Then the mean product of two different
    tools' scores times the session's calls; those calls, 0 where the session has one tool only.

    Sessions of one tool cannot tell the tool's part from the session's, and weigh nothing, unless there are hardly any
    others. Then all that the calls of a session have in common is the session's, and what any two of them differ by
    stands in for what different tools do.

    Args:
        calls: calls in session order.
        scores: normal score of each call, shape (n_calls,), of variance 1.
    """
    _, session = np.unique(calls.session, return_inverse=True)
    count = int(session.max()) + 1
    sums = np.zeros((count, SUMS))
    products, squares, pairs, n = _across_tools(calls, session.astype(np.int64), scores)
    several = pairs > 0
    sums[several, ACROSS] = products[several] / pairs[several] * n[several]
    sums[several, ACROSS_CALLS] = n[several]
    if n[several].sum() >= PAIRS_MIN:
        counted = several
        reference = np.zeros(count)
        reference[several] = (squares[several] / 2 - products[several]) / pairs[several]
    else:
        counted = n > 1
        reference = _variances(session.astype(np.int64), scores, n)
    order = np.lexsort((np.arange(len(calls)), calls.tool, session))
    tool, owner, x = calls.tool[order], session[order], scores[order]
    for k in range(1, min(LAGS, len(x) - 1) + 1):
        together = (tool[k:] == tool[:-k]) & (owner[k:] == owner[:-k]) & counted[owner[k:]]
        at = owner[k:][together]
        squares_apart = np.bincount(at, weights=((x[k:] - x[:-k])[together]) ** 2, minlength=count)
        number = np.bincount(at, minlength=count)
        weight = np.minimum(number, _SESSION_PAIRS_MAX)
        sums[:, DIFFERENCES.start + k - 1] = weight * squares_apart / 2 / np.maximum(number, 1)
        sums[:, REFERENCES.start + k - 1] = weight * reference
        sums[:, PAIRS.start + k - 1] = weight
    return sums


def _variances(session: IntArray, scores: FloatArray, n: FloatArray) -> FloatArray:
    """Return half of the mean square by which calls of a session differ, shape (n_sessions,); 0 for one call."""
    mean = np.bincount(session, weights=scores) / n
    squares = np.bincount(session, weights=(scores - mean[session]) ** 2)
    variances: FloatArray = squares / np.maximum(n - 1, 1)
    return variances


def shares(sums: FloatArray) -> FloatArray:
    """Return what sessions share, and t, a and φ of ``r(k) = t + a φ^k``, for sums of shape (m, 26): shape (m, 4).

    Scores have variance 1; what different tools of a session share lies between sessions, the rest inside them. t and
    a are shares of that rest: calls of one tool differ by as much less than calls of different tools of the same
    session, ``γ(k) / γ = 1 - r(k)`` (the variogram, Cressie, "Statistics for spatial data", 1993, section 2.4). Unlike
    products, differences do not grow with how far off a session is as a whole. Where too few pairs speak, a row is 0.
    """
    calls = sums[:, ACROSS_CALLS]
    between = np.where(calls >= PAIRS_MIN, sums[:, ACROSS] / np.maximum(calls, 1), 0.0)
    between = np.clip(between, 0.0, SHARE_MAX)
    usable = (sums[:, PAIRS] >= PAIRS_MIN).astype(float)
    correlation = 1.0 - sums[:, DIFFERENCES] / np.maximum(sums[:, REFERENCES], 1e-12)
    tool_share, level_share, memory = _constant_and_decay(correlation, usable)
    shrink = np.minimum(1.0, SHARE_MAX / np.maximum(tool_share + level_share, 1e-12))
    fitted = np.column_stack((between, tool_share * shrink, level_share * shrink, memory))
    fitted[usable[:, 0] == 0, 1:] = 0.0
    return fitted


def at_edge(sums: FloatArray) -> bool:
    """Tell whether the best φ is the smallest or the largest that is tried, for sums of shape (26,)."""
    memory = shares(sums[None])[0, 3]
    return not _MEMORIES[0] < memory < _MEMORIES[-1]


def _across_tools(
    calls: Calls, session: IntArray, scores: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what pairs of calls of different tools come to in each session.

    Over such pairs, Σ products is [(Σ z)² - Σ_tools (Σ_tool z)²] / 2, and each z² comes in with as many calls as there
    are of other tools.

    Returns:
        Σ products, Σ of both squares, the number of pairs, and of calls, each of shape (n_sessions,).
    """
    width = len(calls.tool_names)
    cell, position = np.unique(session * width + calls.tool, return_inverse=True)
    cell_sum, cell_count = np.bincount(position, weights=scores), np.bincount(position)
    owner = cell // width
    total, n = np.bincount(owner, weights=cell_sum), np.bincount(owner, weights=cell_count)
    products = (total**2 - np.bincount(owner, weights=cell_sum**2)) / 2
    pairs = (n**2 - np.bincount(owner, weights=cell_count**2)) / 2
    squares = np.bincount(session, weights=scores**2 * (n[session] - cell_count[position]))
    return products, np.asarray(squares, dtype=np.float64), pairs, n.astype(np.float64)


def _constant_and_decay(
    correlation: FloatArray, usable: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the non-negative least-squares fit of ``t + a φ^k`` over the usable lags: t, a, φ, each of shape (m,).

    φ is found on a grid, then at the bottom of the parabola through the three errors around the least.
    """
    errors = np.array([_two_shares(correlation, usable, np.array(memory))[2] for memory in _MEMORIES])
    best = np.argmin(errors, axis=0)
    column = np.arange(correlation.shape[0])
    inner = np.clip(best, 1, len(_MEMORIES) - 2)
    low, middle, high = (errors[inner + shift, column] for shift in (-1, 0, 1))
    bend = low - 2 * middle + high
    shift = np.where(bend > 1e-15, (low - high) / (2 * np.where(bend > 1e-15, bend, 1.0)), 0.0)
    shift = np.where(best == inner, np.clip(shift, -1.0, 1.0), 0.0)
    memory = _MEMORIES[best] + shift * (_MEMORIES[1] - _MEMORIES[0])
    tool_share, level_share, _ = _two_shares(correlation, usable, memory[:, None])
    return tool_share, level_share, memory


def _two_shares(
    correlation: FloatArray, usable: FloatArray, memory: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return t, a and the squared error of the non-negative fit with a given φ, in closed form."""
    decay = memory ** np.arange(1, LAGS + 1) * usable
    target = correlation * usable
    n, d, dd = usable.sum(axis=1), decay.sum(axis=1), (decay**2).sum(axis=1)
    y, dy, yy = target.sum(axis=1), (decay * target).sum(axis=1), (target**2).sum(axis=1)
    n, dd = np.maximum(n, 1e-12), np.maximum(dd, 1e-12)
    determinant = n * dd - d**2
    regular = determinant > 1e-12
    scale = np.where(regular, determinant, 1.0)
    tool_share, level_share = (dd * y - d * dy) / scale, (n * dy - d * y) / scale
    inside = regular & (tool_share >= 0) & (level_share >= 0)
    alone_tool, alone_level = np.maximum(y / n, 0.0), np.maximum(dy / dd, 0.0)
    tool_gains_more = alone_tool**2 * n >= alone_level**2 * dd
    tool_share = np.where(inside, tool_share, np.where(tool_gains_more, alone_tool, 0.0))
    level_share = np.where(inside, level_share, np.where(tool_gains_more, 0.0, alone_level))
    error = (
        yy
        - 2 * (tool_share * y + level_share * dy)
        + tool_share**2 * n
        + 2 * tool_share * level_share * d
        + level_share**2 * dd
    )
    return tool_share, level_share, error
