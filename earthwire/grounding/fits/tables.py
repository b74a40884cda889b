"""Fits the quantile tables of latency: what a tool recorded, filled up with what its siblings say.

``F = [Σ_i K_h(y - y_i) + κ G0((y - μ)/s)] / (n + κ)`` on y = log latency, with n the effective count: a Dirichlet
process posterior mean (Ferguson 1973) smoothed by a small kernel.
"""

import numpy as np

from earthwire.fault_models.grouping import ancestors
from earthwire.fault_models.laws.latency import LATENCY_S_MAX, LEVELS, LatencyTable
from earthwire.fault_models.plan import Support
from earthwire.grounding.counts.cells import starts_of
from earthwire.grounding.counts.censoring import complete, with_censored
from earthwire.grounding.counts.moments import Moments, moments
from earthwire.grounding.counts.pooling import Prior, pool
from earthwire.grounding.counts.tally import BIN_WIDTH, Tally, bin_log_s
from earthwire.traces.columns.calls import FloatArray

_KAPPA = 3.0
_KAPPA_ALONE = 1.0
_BANDWIDTH_FACTOR = 0.25
_KERNEL_REACH = 4.0
_GRID_POINTS = 2048


class Tables:
    """Latency tables of every cell (tool, kind), computed on demand from one tally.

    Args:
        counts: the tally that they rest on.
    """

    def __init__(self, counts: Tally) -> None:
        self.counts = counts
        self._completed = complete(counts)
        self.moments: Moments = with_censored(moments(counts), self._completed)
        self.prior: Prior = pool(counts, self.moments)
        self._cell = {(int(tool), int(kind)): i for i, (tool, kind) in enumerate(self.moments.keys)}
        self._start = starts_of(*counts.latency.keys.T[:2])
        self._log_s: dict[tuple[str, str], FloatArray] = {}
        self._tool_code = {name: i for i, name in enumerate(counts.tool_names)}
        self._kind_code = {name: i for i, name in enumerate(counts.kind_names)}

    def log_quantiles(self, tool: str, kind: str) -> FloatArray:
        """Return log seconds at `LEVELS`, shape (63,), for a tool that may never have been seen."""
        key = (tool, kind)
        if key not in self._log_s:
            self._log_s[key] = self._fit(tool, kind)
        return self._log_s[key]

    def table(self, tool: str, kind: str) -> LatencyTable:
        """Return the table of a cell with the count of calls behind it."""
        cell = self._find(tool, kind)
        quantiles_s = _seconds(self.log_quantiles(tool, kind))
        if cell is None:
            return LatencyTable(0, quantiles_s, support="server")
        # Below κ effective calls the siblings weigh more than the tool's own calls.
        support: Support = "tool" if self.moments.effective_count[cell] >= _KAPPA else "server"
        count, cut = round(float(self.moments.count[cell])), self._completed.get(self._key(cell))
        if cut is None:
            return LatencyTable(count, quantiles_s, support=support)
        return LatencyTable(count, quantiles_s, cut.censored_count, support, cut.extrapolation)

    def effective_count(self, tool: str, kind: str) -> float:
        """Return the effective number of calls of a cell, 0 where it has none."""
        cell = self._find(tool, kind)
        return 0.0 if cell is None else float(self.moments.effective_count[cell])

    def has_latency(self, kind: str) -> bool:
        """Tell whether any call that ended as `kind` has a known latency."""
        return bool((self.moments.keys[:, 1] == self._kind_code.get(kind, -1)).any())

    def overall_table(self, kind: str, count: int) -> LatencyTable:
        """Return the table of a tool that nothing is known of, with the count of all calls that end as `kind`."""
        return LatencyTable(count, _seconds(self._predictive(self.prior.mean(kind, ()))), support="global")

    def _fit(self, tool: str, kind: str) -> FloatArray:
        group_mean = self.prior.mean(kind, ancestors(tool))
        cell = self._find(tool, kind)
        if cell is None:
            return self._predictive(group_mean)
        n = self.moments.effective_count[cell]
        variance = self.prior.kind_variance[cell]
        own_share = self.prior.between_tools / (self.prior.between_tools + variance / n)
        mean = own_share * self.moments.mean[cell] + (1 - own_share) * group_mean
        spread = np.sqrt(variance)
        log_s, weight = self._atoms(cell)
        return _smoothed_quantiles(
            log_s, weight * (n / weight.sum()), mean + spread * self.prior.shape, _KAPPA
        )

    def _predictive(self, mean: float) -> FloatArray:
        spread = np.sqrt(self.prior.variance)
        nothing = np.zeros(0)
        return _smoothed_quantiles(nothing, nothing, mean + spread * self.prior.shape, _KAPPA_ALONE)

    def _find(self, tool: str, kind: str) -> int | None:
        return self._cell.get((self._tool_code.get(tool, -1), self._kind_code.get(kind, -1)))

    def _key(self, cell: int) -> tuple[int, int]:
        tool, kind = self.moments.keys[cell].tolist()
        return tool, kind

    def _atoms(self, cell: int) -> tuple[FloatArray, FloatArray]:
        completed = self._completed.get(self._key(cell))
        if completed is not None:
            return completed.log_s, completed.weight
        latency = self.counts.latency
        end = self._start[cell + 1] if cell + 1 < len(self._start) else len(latency.counts)
        rows = slice(self._start[cell], end)
        return bin_log_s(latency.keys[rows, 2]), latency.counts[rows].astype(float)


def _smoothed_quantiles(
    own: FloatArray, own_weight: FloatArray, prior: FloatArray, kappa: float
) -> FloatArray:
    """Return quantiles at `LEVELS` of the weighted atoms `own` plus `kappa` calls' worth of `prior`, smoothed."""
    atoms = np.concatenate((own, prior))
    weight = np.concatenate((own_weight, np.full(len(prior), kappa / len(prior))))
    weight /= weight.sum()
    bandwidth = _bandwidth(own, own_weight, prior)
    low, high = atoms.min() - _KERNEL_REACH * bandwidth, atoms.max() + _KERNEL_REACH * bandwidth
    step = (high - low) / (_GRID_POINTS - 1)
    position = np.rint((atoms - low) / step).astype(np.int64)
    mass = np.bincount(position, weights=weight, minlength=_GRID_POINTS)
    reach = max(int(_KERNEL_REACH * bandwidth / step), 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / bandwidth) ** 2)
    cdf = np.cumsum(np.convolve(mass, kernel / kernel.sum(), "same"))
    cdf /= cdf[-1]
    rising = np.concatenate(([True], np.diff(cdf) > 1e-12))
    quantiles: FloatArray = np.interp(LEVELS, cdf[rising], (low + step * np.arange(_GRID_POINTS))[rising])
    return quantiles


def _bandwidth(own: FloatArray, own_weight: FloatArray, prior: FloatArray) -> float:
    """Return a quarter of Silverman's bandwidth (Silverman 1986, equation 3.31), at least half a bin."""
    values, weight = (own, own_weight) if own_weight.sum() > 2 else (prior, np.ones(len(prior)))
    total = weight.sum()
    mean = float((values * weight).sum() / total)
    deviation = float(np.sqrt(((values - mean) ** 2 * weight).sum() / total))
    order = np.argsort(values)
    position = np.cumsum(weight[order]) / total
    quarter, three_quarters = np.interp((0.25, 0.75), position, values[order])
    quartile_deviation = float(three_quarters - quarter) / 1.34
    spread = min(deviation, quartile_deviation) if quartile_deviation > 0 else deviation
    n = max(float(own_weight.sum()), 1.0)
    return float(max(_BANDWIDTH_FACTOR * 0.9 * spread * n**-0.2, BIN_WIDTH / 2))


def _seconds(log_s: FloatArray) -> tuple[float, ...]:
    rising = np.maximum.accumulate(np.exp(np.minimum(log_s, np.log(LATENCY_S_MAX))))
    return tuple(float(f"{value:.4g}") for value in rising)
