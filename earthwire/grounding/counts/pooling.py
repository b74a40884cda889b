"""What siblings say about a tool's latencies: expected mean and variance, and the shape that all share.

Means are pooled along the groups of `fault_models.grouping.ancestors`, variances by empirical Bayes (Smyth, "Linear
models and empirical Bayes methods", 2004, section 6.2: moderated variances).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import special

from earthwire.fault_models.grouping import ancestors
from earthwire.fault_models.siblings.group_means import GroupMeans
from earthwire.grounding.counts.cells import starts_of
from earthwire.grounding.counts.moments import Moments
from earthwire.grounding.counts.tally import Tally, bin_log_s
from earthwire.traces.columns.calls import FloatArray

_DF_WEIGHT_MAX = 20.0
_PRIOR_DF_MAX = 50.0
_EFFECTIVE_MIN_FOR_VARIANCE = 1.3
_EFFECTIVE_MIN_FOR_SHAPE = 4.0
_EFFECTIVE_MIN_FOR_SPREAD = 3.0
_SPREAD_CELLS_MIN = 5
_VARIANCE_MIN = 1e-6
_BETWEEN_TOOLS_MIN = 0.02
_SHAPE_ATOMS = 400


@dataclass(frozen=True, slots=True)
class Prior:
    """The pooled view of latencies.

    Attributes:
        group_means: outcome kind to the means of log seconds by group.
        kind_variance: moderated variance of each cell, shape (n_cells,), in the order of the moments.
        variance: of log latency inside a tool, of a tool that nothing is known of.
        between_tools: τ², variance of a tool's mean about what its group predicts.
        shape: standardised quantiles that all cells share, shape (400,), mean 0, variance 1.
        overall_mean: of log seconds, over all cells.
    """

    group_means: dict[str, GroupMeans]
    kind_variance: FloatArray
    variance: float
    between_tools: float
    shape: FloatArray
    overall_mean: float

    def mean(self, kind: str, groups: Iterable[str], without: str = "") -> float:
        """Return the expected mean log seconds of a tool's calls that end as `kind`.

        Args:
            kind: outcome kind.
            groups: of the tool, nearest first.
            without: name of a tool that is left out of account.
        """
        means = self.group_means.get(kind)
        return self.overall_mean if means is None else means.expected(groups, self.overall_mean, without)


def pool(counts: Tally, cells: Moments) -> Prior:
    """Gather from all cells what they say about one another."""
    group_means = _group_means(counts, cells)
    variance, moderated, raw = _moderate(cells)
    prior = Prior(
        group_means=group_means,
        kind_variance=moderated,
        variance=variance,
        between_tools=0.0,
        shape=_shape(counts, cells, raw),
        overall_mean=float(np.average(cells.mean, weights=cells.count)),
    )
    between = _between_tools(counts, cells, prior)
    return Prior(group_means, moderated, variance, between, prior.shape, prior.overall_mean)


def _group_means(counts: Tally, cells: Moments) -> dict[str, GroupMeans]:
    means: dict[str, dict[str, tuple[float, float]]] = {}
    for (tool, kind), mean, weight in zip(cells.keys, cells.mean, cells.effective_count, strict=True):
        means.setdefault(counts.kind_names[kind], {})[counts.tool_names[tool]] = float(mean), float(weight)
    return {kind: GroupMeans(of_kind) for kind, of_kind in means.items()}


def _moderate(cells: Moments) -> tuple[float, FloatArray, FloatArray]:
    """Return the prior variance, each cell's moderated variance, and each cell's own one (NaN: too few calls)."""
    own = np.full(len(cells.count), np.nan)
    usable = (cells.effective_count > _EFFECTIVE_MIN_FOR_VARIANCE) & (cells.count >= 2)
    n = cells.effective_count[usable]
    own[usable] = np.maximum(cells.variance[usable] * n / (n - 1), _VARIANCE_MIN)
    if not usable.any():
        return 1.0, np.ones(len(own)), own
    df = n - 1
    # Smyth (2004): log s² is digamma-shifted around log s0², with spread trigamma(df/2) + trigamma(df0/2).
    z = np.log(own[usable]) - special.digamma(df / 2) + np.log(df / 2)
    w = np.minimum(df, _DF_WEIGHT_MAX)
    centre = np.average(z, weights=w)
    spread = np.average((z - centre) ** 2, weights=w) - np.average(special.polygamma(1, df / 2), weights=w)
    prior_df, prior_variance = _PRIOR_DF_MAX, float(np.exp(centre))
    if spread > 1e-3:
        half = _inverse_trigamma(spread)
        prior_df = min(2 * half, _PRIOR_DF_MAX)
        prior_variance = float(np.exp(centre + special.digamma(half) - np.log(half)))
    moderated = np.full(len(own), prior_variance)
    moderated[usable] = (prior_df * prior_variance + df * own[usable]) / (prior_df + df)
    return prior_variance, moderated, own


def _inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = value by Newton's method (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = special.polygamma(1, x)
        x = max(x + trigamma * (1 - trigamma / value) / special.polygamma(2, x), 0.2)
    return float(x)


def _shape(counts: Tally, cells: Moments, own_variance: FloatArray) -> FloatArray:
    """Return the pooled standardised quantiles of the cells that have enough calls; normal ones if none has."""
    levels = (np.arange(_SHAPE_ATOMS) + 0.5) / _SHAPE_ATOMS
    usable = np.isfinite(own_variance) & (cells.effective_count >= _EFFECTIVE_MIN_FOR_SHAPE)
    if not usable.any():
        return np.asarray(special.ndtri(levels))
    starts = starts_of(*counts.latency.keys.T[:2])
    cell = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(counts.latency.keys))))
    rows = usable[cell]
    cell = cell[rows]
    value = (bin_log_s(counts.latency.keys[rows, 2]) - cells.mean[cell]) / np.sqrt(own_variance[cell])
    order = np.argsort(value)
    weight = counts.latency.counts[rows][order].astype(float)
    position = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
    shape = np.interp(levels, position, value[order])
    deviation = shape.std()
    return (shape - shape.mean()) / deviation if deviation > 0 else np.asarray(special.ndtri(levels))


def _between_tools(counts: Tally, cells: Moments, prior: Prior) -> float:
    """Return τ² by leaving each tool out of its group's prediction; the plain variance of means where too few."""
    squares = []
    for i in np.flatnonzero(cells.effective_count >= _EFFECTIVE_MIN_FOR_SPREAD):
        tool, kind = cells.keys[i]
        name = counts.tool_names[tool]
        error = cells.mean[i] - prior.mean(counts.kind_names[kind], ancestors(name), without=name)
        squares.append(error**2 - prior.kind_variance[i] / cells.effective_count[i])
    if len(squares) <= _SPREAD_CELLS_MIN:
        return max(float(cells.mean.var()), _BETWEEN_TOOLS_MIN)
    return max(float(np.mean(squares)), _BETWEEN_TOOLS_MIN)
