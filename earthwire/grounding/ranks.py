"""Normal scores of recorded latencies, each under tables that never saw the call's own session.

In-sample ranks hide the session effect: where a tool has few sessions, its own table moves towards them. Scores under
tables of the other folds keep it.
"""

import hashlib

import numpy as np

from earthwire.grounding.tables import Tables, normal_scores
from earthwire.grounding.tally import merge, tally
from earthwire.traces.calls import Calls, FloatArray, IntArray

_FOLDS = 8


def cross_fitted_scores(calls: Calls) -> FloatArray:
    """Return the normal score of each call's latency given its tool and outcome kind, shape (n_calls,).

    Args:
        calls: calls with known latencies.
    """
    fold = session_folds(calls)[calls.session]
    folds = np.unique(fold)
    if len(folds) < 2:
        return _scores(calls, Tables(tally(calls)))
    parts = {int(k): tally(calls.select(fold == k)) for k in folds}
    scores = np.empty(len(calls))
    for k in folds:
        others = merge([part for other, part in parts.items() if other != k])
        rows = fold == k
        scores[rows] = _scores(calls.select(rows), Tables(others))
    return scores


def session_folds(calls: Calls) -> IntArray:
    """Return the fold of each session code: by a hash of the session's name, so that it never depends on the others."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in calls.session_names]
    return np.array([int.from_bytes(digest) % _FOLDS for digest in digests], dtype=np.int64)


def _scores(calls: Calls, tables: Tables) -> FloatArray:
    scores = np.empty(len(calls))
    log_s = np.log(calls.latency_s)
    cell = calls.tool * len(calls.kind_names) + calls.kind
    order = np.argsort(cell, kind="stable")
    cells, starts = np.unique(cell[order], return_index=True)
    for code, rows in zip(cells, np.split(order, starts[1:]), strict=True):
        tool, kind = divmod(int(code), len(calls.kind_names))
        scores[rows] = normal_scores(tables, calls.tool_names[tool], calls.kind_names[kind], log_s[rows])
    return scores
