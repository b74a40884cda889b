"""Fits how the calls of one session hang together, from their normal scores: levels, spreads, and what remains.

A session's level is its mean score, shrunk for the calls that it rests on; its spread is moderated likewise. What
remains is described by the autocorrelation of one tool's calls, see `earthwire.grounding.fits.dependence_fit`, and by
how restless they are, see `earthwire.grounding.fits.jitter`.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from earthwire.fault_models.laws.dependence import Dependence, SessionLevels
from earthwire.grounding.fits.dependence_fit import PAIRS, session_sums, shares
from earthwire.grounding.fits.jitter import fit_jitter
from earthwire.grounding.fits.session_noise import session_noise
from earthwire.grounding.samples.rounding import rounded
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

SESSIONS_KEPT_MAX = 32
"""Sessions kept of all, and as many for each tool: evenly spaced by level."""
SESSIONS_KEPT_MIN = 3

_SESSION_CALLS_MIN = 4
_WEIGHT_MAX = 10
_LEVEL_VARIANCE_MIN = 0.01
_SPREAD_MIN = 0.05


@dataclass(frozen=True, slots=True)
class SessionFit:
    """What sessions have in common.

    Attributes:
        dependence: shares of the variance inside a session.
        typical: session codes that stand for all usable ones, lowest level first, shape (n_kept,).
        level, spread, jitter: of each session code that has calls, NaN for the others, shape (n_sessions,).
        usable: sessions with enough calls for a level of their own, shape (n_sessions,).
        sums: that the shares were fitted to, see `session_sums`.
    """

    dependence: Dependence
    typical: IntArray
    level: FloatArray
    spread: FloatArray
    jitter: FloatArray
    usable: npt.NDArray[np.bool_]
    sums: FloatArray


def fit_sessions(calls: Calls, scores: FloatArray) -> SessionFit:
    """Fit levels, spreads and dependence.

    Args:
        calls: calls in session order.
        scores: normal score of each call, shape (n_calls,), of variance 1.
    """
    codes, session = np.unique(calls.session, return_inverse=True)
    n = np.bincount(session).astype(float)
    mean = np.bincount(session, weights=scores) / n
    residual = scores - mean[session]
    usable = n >= _SESSION_CALLS_MIN
    if usable.sum() < SESSIONS_KEPT_MIN:
        usable = np.ones(len(n), dtype=bool)
    sums = session_sums(calls, scores)
    dependence = _fit_dependence(sums, session)
    noise = session_noise(calls, session, dependence)
    variance = np.bincount(session, weights=residual**2) / (n * noise.inner_share)
    within = float(np.average(variance[usable], weights=(n * noise.inner_share)[usable]))
    level = _shrunk(mean, within * noise.mean_variance, np.minimum(n, _WEIGHT_MAX), _LEVEL_VARIANCE_MIN)
    spread = _spreads(variance, noise.freedom, usable, within)
    jitter = fit_jitter(calls, session, scores, spread, dependence)
    return SessionFit(
        msgspec.structs.replace(dependence, jitter_contrast=round(jitter.contrast, 4)),
        _evenly(codes[usable], level[usable], min(int(usable.sum()), SESSIONS_KEPT_MAX)),
        _scatter(level, codes, calls),
        _scatter(spread, codes, calls),
        _scatter(jitter.session, codes, calls),
        np.isin(np.arange(len(calls.session_names)), codes[usable]),
        sums,
    )


def session_levels(fit: SessionFit, sessions: IntArray) -> SessionLevels | None:
    """Return the levels of these session codes, each in the place of the typical session that it is like.

    Returns:
        None where too few of them are usable.
    """
    usable = sessions[fit.usable[sessions]]
    if len(usable) < SESSIONS_KEPT_MIN:
        return None
    kept = _matched(fit, _evenly(usable, fit.level[usable], len(fit.typical)))
    jitters = rounded(fit.jitter[kept])
    return SessionLevels(
        len(usable),
        rounded(fit.level[kept]),
        rounded(fit.spread[kept]),
        () if set(jitters) == {1.0} else jitters,
    )


def _evenly(sessions: IntArray, level: FloatArray, count: int) -> IntArray:
    """Return `count` of these sessions, lowest level first and evenly spaced; fewer ones come twice."""
    by_level = sessions[np.lexsort((sessions, level))]
    return by_level[((np.arange(count) + 0.5) / count * len(by_level)).astype(np.int64)]


def _matched(fit: SessionFit, kept: IntArray) -> IntArray:
    """Return sessions in the order in which each is near the typical one in its place, over all of them.

    Near as normal laws are: by the squares of the differences of levels and of spreads (the 2-Wasserstein distance).
    """
    if (kept == fit.typical).all():
        return kept
    # Here, since it is slow to load.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    distance = np.square(np.subtract.outer(fit.level[fit.typical], fit.level[kept]))
    distance += np.square(np.subtract.outer(fit.spread[fit.typical], fit.spread[kept]))
    # One more for each: a distance of zero would count as no edge.
    _, place = min_weight_full_bipartite_matching(csr_array(1.0 + distance))
    return np.asarray(kept[place])


def _spreads(
    variance: FloatArray, df: FloatArray, usable: npt.NDArray[np.bool_], within: float
) -> FloatArray:
    """Return the spread of each session, shrunk on the log scale; the common one where a session is too short.

    The log of a sample variance scatters about that of the true one with variance trigamma(df/2), and is low by
    log(df/2) - digamma(df/2) on average (Smyth 2004, section 6.2).
    """
    log_variance = np.log(np.maximum(variance, _SPREAD_MIN**2)) - special.digamma(df / 2) + np.log(df / 2)
    spread = np.full(len(df), np.sqrt(max(within, _SPREAD_MIN**2)))
    noise = special.polygamma(1, df / 2)
    weight = np.minimum(df, _WEIGHT_MAX)
    shrunk = _shrunk(log_variance[usable], noise[usable], weight[usable], 0.0)
    spread[usable] = np.maximum(np.exp(shrunk / 2), _SPREAD_MIN)
    return spread


def _shrunk(values: FloatArray, noise: FloatArray, weight: FloatArray, variance_min: float) -> FloatArray:
    """Shrink noisy values towards their mean until they scatter as the true ones do.

    The usual shrinkage gives the best guess of each value, and scatters too little as a set; its square root gives the
    right scatter (Louis, "Estimating a population of parameter values", 1984).
    """
    centre = np.average(values, weights=weight)
    true_variance = max(float(np.average((values - centre) ** 2 - noise, weights=weight)), variance_min)
    shrunk: FloatArray = centre + (values - centre) * np.sqrt(true_variance / (true_variance + noise))
    return shrunk


def _fit_dependence(sums: FloatArray, session: IntArray) -> Dependence:
    """Fit t, a and φ: what one tool's calls in a session have in common beyond what all its calls have."""
    total = sums.sum(axis=0, keepdims=True)
    _, tool_share, level_share, memory = shares(total)[0].tolist()
    return Dependence(
        tool_share=round(tool_share, 4),
        level_share=round(level_share, 4),
        level_memory=round(memory, 4),
        session_count=int((np.bincount(session) >= 2).sum()),
        pair_count=int(total[0, PAIRS][0]),
    )


def _scatter(values: FloatArray, codes: IntArray, calls: Calls) -> FloatArray:
    full = np.full(len(calls.session_names), np.nan)
    full[codes] = values
    return full
