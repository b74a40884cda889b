"""How easily simulated calls are told from recorded ones, at a glance: for a choice, which needs no fine figures.

What `yardstick` asks of scikit-learn's trees is asked of a few small ones here, which are grown in less time than that
library takes to load: least-squares boosting (Friedman, "Greedy function approximation", 2001, algorithm 2), the
features in bins, every tree cut level by level.
"""

from typing import NamedTuple

import numpy as np

from earthwire.grounding.samples.rank_shares import rank_shares
from earthwire.traces.columns.calls import FloatArray, IntArray

_TREES = 16
_LEVELS = 3
_LEAVES = 1 << _LEVELS
_LEARNING_RATE = 0.4
_SIDE_ROWS_MIN = 20
"""Rows on either side of a cut."""
_BINS = 65
"""Of each feature: one for NaN, the others hold equally many rows."""
_FOLDS = 4


class _Tree(NamedTuple):
    """Cuts and leaves by node: the root is 1, below node i are 2 i, up to its cut, and 2 i + 1, beyond it.

    Attributes:
        cut: feature and last bin before the cut of each inner node, shape (2, n_leaves); there is no node 0.
        value: of each leaf, shape (n_leaves,).
    """

    cut: IntArray
    value: FloatArray


def two_sample_auc(real: FloatArray, simulated: FloatArray, session: IntArray) -> float:
    """Return the out-of-fold AUC of telling simulated rows from real ones; 0.5 is indistinguishable.

    Args:
        real: features, shape (n, n_features); NaN is allowed.
        simulated: features of the same calls as they were simulated, shape (n, n_features).
        session: of each call, shape (n,), at least two; its real and its simulated calls stay in one fold.
    """
    bins = _binned(np.concatenate((real, simulated)))
    is_simulated = np.repeat((0.0, 1.0), len(real))
    fold = np.tile(_folds(session), 2)
    score = np.zeros(len(fold))
    for k in range(_FOLDS):
        held_out = fold == k
        asked = bins[:, held_out]
        for tree in _boosted(bins[:, ~held_out], is_simulated[~held_out]):
            score[held_out] += tree.value[_leaves(tree, asked)]
    share = rank_shares(score)
    return float(0.5 + share[len(real) :].mean() - share[: len(real)].mean())


def _folds(session: IntArray) -> IntArray:
    """Return the fold of each call: the largest session goes first, each to where the fewest calls are."""
    _, place, sizes = np.unique(session, return_inverse=True, return_counts=True)
    fold, calls = np.empty(len(sizes), dtype=np.int64), np.zeros(_FOLDS, dtype=np.int64)
    for one in np.argsort(-sizes, kind="stable"):
        fold[one] = calls.argmin()
        calls[fold[one]] += sizes[one]
    return fold[place]


def _binned(features: FloatArray) -> IntArray:
    """Return the bin of each feature of each row, shape (n_features, n)."""
    bins = np.zeros(features.shape[::-1], dtype=np.int64)
    for column, of_column in zip(features.T, bins, strict=True):
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            ends = np.unique(np.quantile(column[known], np.arange(1, _BINS - 1) / (_BINS - 1)))
            of_column[known] = 1 + np.searchsorted(ends, column[known])
    return bins


def _boosted(bins: IntArray, label: FloatArray) -> list[_Tree]:
    """Return trees whose sum approaches the label, less its mean; each is grown on what those before it leave."""
    trees = []
    residual = label - label.mean()
    for _ in range(_TREES):
        tree, leaf = _grown(bins, residual)
        trees.append(tree)
        residual -= tree.value[leaf]
    return trees


def _grown(bins: IntArray, residual: FloatArray) -> tuple[_Tree, IntArray]:
    """Return a tree and the leaf of each row."""
    cut = np.zeros((2, _LEAVES), dtype=np.int64)
    node = np.ones(len(residual), dtype=np.int64)
    for level in range(_LEVELS):
        first = 1 << level
        cut[:, first : 2 * first] = _best_cuts(bins, residual, node - first, first)
        node = _below(node, cut, bins)
    leaf = node - _LEAVES
    count = np.bincount(leaf, minlength=_LEAVES)
    value = _LEARNING_RATE * np.bincount(leaf, residual, _LEAVES) / np.maximum(count, 1)
    return _Tree(cut, value), leaf


def _best_cuts(bins: IntArray, residual: FloatArray, node: IntArray, nodes: int) -> tuple[IntArray, IntArray]:
    """Return the feature and the last bin before the cut that leave the least squares, shape (nodes,) each.

    A node that cannot be cut keeps all its rows on one side.
    """
    total, count = np.empty((2, len(bins), nodes * _BINS))
    first_cell = node * _BINS
    for i, of_feature in enumerate(bins):
        cell = first_cell + of_feature
        total[i] = np.bincount(cell, residual, nodes * _BINS)
        count[i] = np.bincount(cell, minlength=nodes * _BINS)
    total, count = (sums.reshape(-1, nodes, _BINS).cumsum(axis=2) for sums in (total, count))
    total_beyond, count_beyond = (sums[:, :, -1:] - sums for sums in (total, count))
    gain = total**2 / np.maximum(count, 1) + total_beyond**2 / np.maximum(count_beyond, 1)
    gain[np.minimum(count, count_beyond) < _SIDE_ROWS_MIN] = 0.0
    of_node = gain.transpose(1, 0, 2).reshape(nodes, -1)
    feature, last_bin = np.divmod(of_node.argmax(axis=1), _BINS)
    last_bin[of_node.max(axis=1) == 0.0] = _BINS
    return feature, last_bin


def _leaves(tree: _Tree, bins: IntArray) -> IntArray:
    """Return the leaf of each row, shape (n,)."""
    node = np.ones(bins.shape[1], dtype=np.int64)
    for _ in range(_LEVELS):
        node = _below(node, tree.cut, bins)
    return node - _LEAVES


def _below(node: IntArray, cut: IntArray, bins: IntArray) -> IntArray:
    """Return the node that each row comes to from a node, shape (n,)."""
    feature, last_bin = cut.take(node, axis=1)
    return np.asarray(2 * node + (bins[feature, np.arange(len(node))] > last_bin))
