"""How much the mean and the variance of a session's scores scatter about what its law says.

A session is recorded with the tools that it happened to use. What a tool of a session has in common then shows up in
the session's mean and not in its variance, the less so the more tools there are: taken as they are, sessions of one
tool would come out as steadier than they are, and their levels as further apart.
"""

from dataclasses import dataclass

import numpy as np

from earthwire.fault_models.laws.dependence import Dependence
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

_INNER_SHARE_MIN = 1e-3


@dataclass(frozen=True, slots=True)
class SessionNoise:
    """Noise of the moments of each session, all of shape (n_sessions,), for scores of variance 1 inside a session.

    Attributes:
        mean_variance: variance of the mean score about the session's level.
        inner_share: expected mean square of scores about the session's mean: what of the variance can be seen.
        freedom: degrees of freedom of that mean square.
    """

    mean_variance: FloatArray
    inner_share: FloatArray
    freedom: FloatArray


def session_noise(calls: Calls, session: IntArray, dependence: Dependence) -> SessionNoise:
    """Work out the noise of each session from the number of calls of each tool in it.

    With n_j calls of tool j, whose mean has the variance v_j, the sum of squares about the session's mean is
    Σ n_j (1 - v_j) inside tools and Σ n_j v_j (1 - n_j / n) between them. Its degrees of freedom are twice its squared
    mean over its variance (Satterthwaite, "An approximate distribution of estimates of variance components", 1946).

    Args:
        calls: of which each belongs to one session.
        session: its number, from 0 without gaps, shape (n_calls,).
        dependence: shares of the variance inside a session.
    """
    width = len(calls.tool_names)
    cell, count = np.unique(session * width + calls.tool, return_counts=True)
    owner, size = cell // width, count.astype(float)
    n = np.bincount(owner, weights=size)
    share = size / n[owner]
    mean_variance = _variance_of_mean(size, dependence)

    def over_cells(values: FloatArray) -> FloatArray:
        return np.bincount(owner, weights=values).astype(np.float64)

    inside = size * (1 - mean_variance)
    inner = over_cells(inside + size * mean_variance * (1 - share))
    # The trace of the squared product of the quadratic form and the covariance of the tools' means.
    between = over_cells((size * mean_variance) ** 2 * (1 - 2 * share))
    between += over_cells(share * size * mean_variance) ** 2
    scatter = over_cells(inside**2 / _inner_freedom(size, dependence)) + between
    freedom = np.divide(inner**2, scatter, out=np.ones(len(n)), where=scatter > 0)
    return SessionNoise(
        over_cells(share**2 * mean_variance),
        np.maximum(inner / n, _INNER_SHARE_MIN),
        np.clip(freedom, 1.0, np.maximum(n - 1, 1.0)),
    )


def _variance_of_mean(size: FloatArray, dependence: Dependence) -> FloatArray:
    """Return the variance of the mean of `size` calls of one tool: t + a ḡ + (1 - t - a) / n.

    ḡ is that of the mean of n steps of a first-order autoregression of variance 1.
    """
    t, a, memory = dependence.tool_share, dependence.level_share, dependence.level_memory
    slow = (1 + memory) / (1 - memory) - 2 * memory * (1 - memory**size) / (size * (1 - memory) ** 2)
    return t + (a * slow + 1 - t - a) / size


def _inner_freedom(size: FloatArray, dependence: Dependence) -> FloatArray:
    """Return the degrees of freedom of the squares of one tool's calls about their mean: fewer where calls correlate.

    n observations with autocorrelations r_k tell as much of their variance as n / (1 + 2 Σ r_k²) independent ones
    (Bayley and Hammersley, "The effective number of independent observations", 1946).
    """
    rest = 1 - dependence.tool_share
    memory = dependence.level_memory
    correlation = dependence.level_share / rest if rest > 0 else 0.0
    squares = correlation**2 * memory**2 / (1 - memory**2)
    return np.maximum(size - 1, 1.0) / (1 + 2 * squares)
