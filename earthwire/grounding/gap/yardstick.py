"""The yardstick: a classifier two-sample test on calls in sequence.

A gradient-boosted classifier tries to tell simulated calls from recorded ones; the area under its ROC curve, out of
fold, is the score: 0.5 means that it cannot. After Lopez-Paz and Oquab, "Revisiting classifier two-sample tests"
(ICLR 2017). The features are fixed, since two scores compare only where the features are the same.
"""

import numpy as np
import numpy.typing as npt

from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

FEATURES = (
    "tool base level",
    "log latency",
    "residual to the tool",
    "outcome",
    "previous residual",
    "difference to the previous residual",
    "previous outcome",
    "session mean of residuals",
    "session spread of residuals",
    "position in session",
)
CALL_FEATURES = tuple(i for i, name in enumerate(FEATURES) if not name.startswith("session"))
"""Columns that vary from call to call. On a few hundred sessions the classifier learns the two that do not by heart,
session by session, and is then blind to the others; without them it sees what single calls give away."""
_FOLDS = 4
_BASE_PRIOR_CALLS = 3


def outcome_class(calls: Calls) -> IntArray:
    """Return the coarse outcome of each call: 0 ok or not recorded, 1 the caller's error (4xx), 2 any other fault."""
    of_kind = [
        0 if name in ("ok", "unknown") else 1 if name.startswith("http_4xx") else 2
        for name in calls.kind_names
    ]
    return np.array(of_kind, dtype=np.int64)[calls.kind] if len(calls) else np.zeros(0, dtype=np.int64)


def base_levels(training: Calls) -> FloatArray:
    """Return each tool's mean log latency on the training calls, shape (n_tools,), pulled towards the overall one."""
    log_ms = np.log(training.latency_s * 1e3)
    count = np.bincount(training.tool, minlength=len(training.tool_names))
    total = np.bincount(training.tool, weights=log_ms, minlength=len(training.tool_names))
    levels: FloatArray = (total + _BASE_PRIOR_CALLS * log_ms.mean()) / (count + _BASE_PRIOR_CALLS)
    return levels


def features(calls: Calls, base: FloatArray) -> FloatArray:
    """Return the features of each call, shape (n_calls, 10), in the order of `FEATURES`.

    Args:
        calls: calls with known positive latencies, in session order.
        base: mean log latency of each tool, shape (n_tools,).
    """
    log_ms = np.log(calls.latency_s * 1e3)
    outcome = outcome_class(calls).astype(float)
    level = base[calls.tool]
    residual = log_ms - level
    first = calls.first_of_session
    previous_residual, previous_outcome = _previous(residual, first), _previous(outcome, first)
    _, session = np.unique(calls.session, return_inverse=True)
    mean, spread = _mean_and_spread(residual, session)
    start = np.maximum.accumulate(np.where(first, np.arange(len(calls)), 0))
    return np.column_stack(
        (
            level,
            log_ms,
            residual,
            outcome,
            previous_residual,
            residual - previous_residual,
            previous_outcome,
            mean[session],
            spread[session],
            np.arange(len(calls)) - start,
        )
    )


def out_of_fold_scores(
    x: FloatArray,
    is_simulated: IntArray,
    group: IntArray,
    seed: int,
    weight: FloatArray | None = None,
) -> FloatArray:
    """Return the probability of being simulated for each row, predicted by a classifier that never saw its group.

    Args:
        x: features, shape (n, n_features); NaN is allowed.
        is_simulated: 0 for recorded, 1 for simulated, shape (n,).
        group: rows of one group (session) stay in one fold, shape (n,).
        seed: of the classifier.
        weight: of each row, or None for equal ones.
    """
    return _out_of_fold(x, is_simulated, group, seed, weight, [x])[0]


def _out_of_fold(
    x: FloatArray,
    is_simulated: IntArray,
    group: IntArray,
    seed: int,
    weight: FloatArray | None,
    asked: list[FloatArray],
) -> list[FloatArray]:
    """Return the out-of-fold probabilities of each of the feature tables `asked`, rows as in `x`."""
    # Importing it takes longer than most fits that do without it.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import GroupKFold
    from threadpoolctl import threadpool_limits

    scores = [np.full(len(x), 0.5) for _ in asked]
    folds = GroupKFold(min(_FOLDS, len(np.unique(group))))
    # One thread: sums in one order, hence the same figures on every machine; threads would not pay at this size.
    with threadpool_limits(limits=1, user_api="openmp"):
        for fit, test in folds.split(x, is_simulated, group):
            if len(np.unique(is_simulated[fit])) < 2:
                continue
            model = HistGradientBoostingClassifier(
                max_iter=80, max_leaf_nodes=16, min_samples_leaf=20, random_state=seed
            )
            # Where no session of the fold has a second call, nothing is known of previous ones.
            known = ~np.isnan(x[fit]).all(axis=0)
            model.fit(x[fit][:, known], is_simulated[fit], None if weight is None else weight[fit])
            for score, table in zip(scores, asked, strict=True):
                score[test] = model.predict_proba(table[test][:, known])[:, 1]
    return scores


def giveaways(
    real: FloatArray, real_group: IntArray, simulated: FloatArray, simulated_group: IntArray, seed: int
) -> dict[str, float]:
    """Return by how much the AUC falls when one feature is shuffled, by feature, the most telling one first.

    Permutation importance (Breiman, "Random forests", 2001, section 10), out of fold.
    """
    x = np.concatenate((real, simulated))
    label = np.concatenate((np.zeros(len(real), np.int64), np.ones(len(simulated), np.int64)))
    group = np.concatenate((real_group, simulated_group))
    rng = np.random.default_rng(seed)
    shuffled = [x]
    for feature in range(x.shape[1]):
        other = x.copy()
        other[:, feature] = rng.permutation(other[:, feature])
        shuffled.append(other)
    scores = _out_of_fold(x, label, group, seed, None, shuffled)
    auc = [area_under_curve(label, score) for score in scores]
    falls = {name: auc[0] - value for name, value in zip(FEATURES, auc[1:], strict=True)}
    return dict(sorted(falls.items(), key=lambda item: -item[1]))


def two_sample_auc(
    real: FloatArray,
    real_group: IntArray,
    simulated: FloatArray,
    simulated_group: IntArray,
    seed: int,
    real_weight: FloatArray | None = None,
) -> float:
    """Return the out-of-fold AUC of telling `simulated` rows from `real` ones; 0.5 is indistinguishable.

    Groups are compared across both sides: a session that was recorded and simulated stays in one fold.
    """
    x = np.concatenate((real, simulated))
    label = np.concatenate((np.zeros(len(real), np.int64), np.ones(len(simulated), np.int64)))
    group = np.concatenate((real_group, simulated_group))
    weight = None
    if real_weight is not None:
        weight = np.concatenate((real_weight, np.ones(len(simulated))))
    scores = out_of_fold_scores(x, label, group, seed, weight)
    return area_under_curve(label, scores, weight)


def area_under_curve(label: IntArray, scores: FloatArray, weight: FloatArray | None = None) -> float:
    """Return the area under the ROC curve of scores.

    Args:
        label: 0 or 1, both of them, shape (n,).
        scores: higher for 1, shape (n,).
        weight: of each row, or None for equal ones.
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label, scores, sample_weight=weight))


def gap_closed(auc_mock: float, auc_simulated: float, auc_real: float) -> float:
    """Return the share of the transition gap that is closed.

    0 is as good as a mock with the median delay, 1 as good as another half of reality; more and less are possible.
    NaN where the mock itself cannot be told from reality.
    """
    reachable = auc_mock - max(0.5, auc_real)
    return (auc_mock - auc_simulated) / reachable if reachable > 0 else float("nan")


def _previous(values: FloatArray, first: npt.NDArray[np.bool_]) -> FloatArray:
    previous = np.roll(values, 1)
    previous[first] = np.nan
    return previous


def _mean_and_spread(values: FloatArray, group: IntArray) -> tuple[FloatArray, FloatArray]:
    count = np.bincount(group)
    mean = np.bincount(group, weights=values) / count
    squares = np.bincount(group, weights=(values - mean[group]) ** 2)
    return mean, np.sqrt(squares / np.maximum(count - 1, 1))
