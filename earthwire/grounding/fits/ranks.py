"""Normal scores of recorded latencies, each under tables that never saw the call's own session.

In-sample ranks hide the session effect: where a tool has few sessions, its own table moves towards them. Scores under
tables of the other folds keep it, but add the error of those tables: a sparse tool's level is off by more than a rich
one's. That excess is no session effect either; `_without_table_error` takes it out.

Recorders with coarse clocks make many latencies equal. Which of equal calls was the slower one nobody knows: their
scores are dealt out at random, since in the order of sessions late sessions would be slow.
"""

import hashlib

import numpy as np
from scipy import special

from earthwire.fault_models.laws.latency import LEVELS
from earthwire.grounding.counts.tally import merge, tally
from earthwire.grounding.fits.tables import Tables
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

_FOLDS = 8
_SEED = 0
_SCORE_MAX = 6.0
_SUPPORT_EDGES = (0.01, 1.3, 2.5, 5.0, 10.0)
"""Bounds of the support classes, in effective calls of the cell: none, up to 1.3, … more than 10."""
_CLASS_CALLS_MIN = 30
_RICH_CALLS_MIN = 200
_SQUARE_MIN = 0.3

_LEVEL_SCORES = special.ndtri(LEVELS)
_SIGMA_LOW, _SIGMA_HIGH = (int(np.argmin(np.abs(np.array(LEVELS) - p))) for p in (0.16, 0.84))
_SIGMA_MIN = 1e-3


def cross_fitted_scores(calls: Calls) -> FloatArray:
    """Return the normal score of each call's latency given its tool and outcome kind, shape (n_calls,).

    Over all calls together the scores are standard normal exactly.

    Args:
        calls: calls with known latencies; one that was cut off gets the mean score of those that outlive it.
    """
    scores, support = _raw_scores(calls)
    rng = np.random.default_rng(_SEED)
    scores = _dealt_among_equals(calls, _without_table_error(calls, scores, support), rng)
    rank = np.empty(len(scores))
    rank[np.lexsort((rng.permutation(len(scores)), scores))] = np.arange(len(scores))
    return np.asarray(special.ndtri((rank + 0.5) / len(scores)))


def _dealt_among_equals(calls: Calls, scores: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return scores shuffled among calls of one tool and kind with the same latency: they differ by fold alone."""
    keys = (calls.latency_s, calls.censored, calls.kind, calls.tool)
    as_they_are = np.lexsort(keys)
    dealt = np.empty(len(scores))
    dealt[np.lexsort((rng.permutation(len(scores)), *keys))] = scores[as_they_are]
    return dealt


def session_folds(calls: Calls) -> IntArray:
    """Return the fold of each session code: by a hash of the session's name, so that it never depends on the others."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in calls.session_names]
    return np.array([int.from_bytes(digest) % _FOLDS for digest in digests], dtype=np.int64)


def _raw_scores(calls: Calls) -> tuple[FloatArray, IntArray]:
    """Return the score of each call under the tables of the other folds, and the support class of its cell there."""
    fold = session_folds(calls)[calls.session]
    folds = np.unique(fold[~calls.censored])
    if len(folds) < 2:
        return _scores(calls, Tables(tally(calls)))
    parts = {int(k): tally(calls.select(fold == k)) for k in np.unique(fold)}
    scores, support = np.empty(len(calls)), np.empty(len(calls), dtype=np.int64)
    for k in parts:
        others = merge([part for other, part in parts.items() if other != k])
        rows = fold == k
        scores[rows], support[rows] = _scores(calls.select(rows), Tables(others))
    return scores, support


def _scores(calls: Calls, tables: Tables) -> tuple[FloatArray, IntArray]:
    scores, support = np.empty(len(calls)), np.empty(len(calls), dtype=np.int64)
    log_s = np.log(calls.latency_s)
    cell = calls.tool * len(calls.kind_names) + calls.kind
    order = np.argsort(cell, kind="stable")
    cells, starts = np.unique(cell[order], return_index=True)
    for code, rows in zip(cells, np.split(order, starts[1:]), strict=True):
        tool, kind = divmod(int(code), len(calls.kind_names))
        name = (calls.tool_names[tool], calls.kind_names[kind])
        scores[rows] = normal_scores(log_s[rows], tables.log_quantiles(*name))
        scores[rows] = np.where(calls.censored[rows], _mean_beyond(scores[rows]), scores[rows])
        support[rows] = np.searchsorted(_SUPPORT_EDGES, tables.effective_count(*name), "right")
    return scores, support


def normal_scores(log_s: FloatArray, log_quantiles: FloatArray) -> FloatArray:
    """Return the normal scores of log latencies under a table, continued as a straight line beyond its ends.

    Args:
        log_s: log latencies, shape (n,).
        log_quantiles: the table, log seconds at `LEVELS`, shape (63,).
    """
    sigma = max((log_quantiles[_SIGMA_HIGH] - log_quantiles[_SIGMA_LOW]) / 2, _SIGMA_MIN)
    inside = np.interp(log_s, log_quantiles, _LEVEL_SCORES)
    below = np.minimum(log_s - log_quantiles[0], 0.0) / sigma
    above = np.maximum(log_s - log_quantiles[-1], 0.0) / sigma
    scores: FloatArray = np.clip(inside + below + above, -_SCORE_MAX, _SCORE_MAX)
    return scores


def _mean_beyond(scores: FloatArray) -> FloatArray:
    """Return the mean of the standard normal distribution above each score: the inverse of Mills' ratio."""
    log_density = -0.5 * (scores**2 + np.log(2 * np.pi))
    return np.asarray(np.exp(log_density - special.log_ndtr(-scores)))


def _without_table_error(calls: Calls, scores: FloatArray, support: IntArray) -> FloatArray:
    """Shrink what a cell's scores have in common beyond their session's level, as far as rich cells do not have it.

    Calls of one tool and kind in one session share the error of their table. Its variance is seen by support class;
    the richest class shows how much of it is real.
    """
    classes = len(_SUPPORT_EDGES) + 1
    count = np.bincount(support, minlength=classes)
    square = np.bincount(support, weights=scores**2, minlength=classes) / np.maximum(count, 1)
    weight = (1.0 / np.maximum(square, _SQUARE_MIN) ** 2)[support]
    _, session = np.unique(calls.session, return_inverse=True)
    level = np.bincount(session, weights=weight * scores) / np.bincount(session, weights=weight)
    cell = (session * len(calls.tool_names) + calls.tool) * len(calls.kind_names) + calls.kind
    _, cell = np.unique(cell, return_inverse=True)
    common = (np.bincount(cell, weights=scores - level[session]) / np.bincount(cell))[cell]
    variance = np.bincount(support, weights=common**2, minlength=classes) / np.maximum(count, 1)
    known = count >= _CLASS_CALLS_MIN
    if not known.any():
        return scores
    rich = variance[-1] if count[-1] >= _RICH_CALLS_MIN else variance[known].min()
    keep = np.ones(classes)
    keep[known] = np.minimum(1.0, np.sqrt(rich / np.maximum(variance[known], 1e-12)))
    return scores - (1.0 - keep[support]) * common
