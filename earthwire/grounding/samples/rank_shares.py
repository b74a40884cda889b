"""Ranks as shares of a sample, which normal scores are made from; `scipy.stats` takes half a second to load."""

import numpy as np

from earthwire.traces.columns.calls import FloatArray


def rank_shares(values: FloatArray) -> FloatArray:
    """Return (rank - 1/2) / n of each value, shape (n,); equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean_rank = (2 * last - count + 1) / 2
    shares: FloatArray = (mean_rank[place] - 0.5) / len(values)
    return shares
