"""Closes the loop: takes what the proxy's own recording shows to be off out of a profile's latency tables.

Tool by tool, the quantiles of simulated calls are held against those of recorded ones, and the table is moved by a part
of their log ratio at the same level. Only what exceeds the noise is corrected: tools whose Kolmogorov-Smirnov distance
is beyond its 1 % bound at the effective sample sizes. The part is below 1 and the ratios are smoothed, so that what is
left of the noise is not taken for bias. A second round, on a new recording, may follow; a third one only follows noise.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

from earthwire.fault_models.laws.latency import LATENCY_S_MAX, LEVELS, LatencyTable
from earthwire.fault_models.profile import Profile
from earthwire.grounding.counts.moments import moments
from earthwire.grounding.counts.tally import tally
from earthwire.grounding.samples import distances
from earthwire.traces.columns.calls import Calls, FloatArray

DAMPING = 0.8
"""Part of the difference that one round takes away."""
ROUNDS_MAX = 2

_KIND = "ok"
_CALLS_MIN = 50
_SMOOTHING_LEVELS = 5
_ALPHA = 0.01


class Correction(msgspec.Struct, frozen=True):
    """What was done to one tool.

    Attributes:
        ks, ks_critical: distance before, and the one that chance exceeds 1 % of the time at the effective counts.
        before, after: Wasserstein-1 distance of log latency; `after` is what the corrected table promises.
        is_corrected: whether the distance exceeded the noise.
    """

    tool: str
    ks: float
    ks_critical: float
    before: float
    after: float
    is_corrected: bool


def correct(profile: Profile, real: Calls, simulated: Calls) -> tuple[Profile, list[Correction]]:
    """Return the profile with corrected tables, and what was done to each tool with enough calls on both sides.

    Args:
        profile: that the simulated calls were served from.
        real: recorded calls of the real tools.
        simulated: recorded calls of the simulated ones.
    """
    tools = dict(profile.tools)
    corrections = []
    real_s, simulated_s = _latencies(real), _latencies(simulated)
    real_count, simulated_count = _effective_counts(real), _effective_counts(simulated)
    for name in sorted(real_s.keys() & simulated_s.keys() & tools.keys()):
        table = tools[name].latency.get(_KIND)
        if table is None or min(len(real_s[name]), len(simulated_s[name])) < _CALLS_MIN:
            continue
        critical = distances.ks_critical(
            max(int(real_count[name]), 1), max(int(simulated_count[name]), 1), _ALPHA
        )
        correction, moved = _correct_tool(name, table, real_s[name], simulated_s[name], critical)
        corrections.append(correction)
        if correction.is_corrected:
            tools[name] = msgspec.structs.replace(tools[name], latency={**tools[name].latency, _KIND: moved})
    if not any(correction.is_corrected for correction in corrections):
        return profile, corrections
    rounds = profile.provenance.corrections + 1
    provenance = msgspec.structs.replace(profile.provenance, corrections=rounds)
    return msgspec.structs.replace(profile, tools=tools, provenance=provenance), corrections


def _correct_tool(
    name: str, table: LatencyTable, real_s: FloatArray, simulated_s: FloatArray, critical: float
) -> tuple[Correction, LatencyTable]:
    ks = distances.ks(real_s, simulated_s)
    before = distances.log_wasserstein(real_s, simulated_s)
    if ks <= critical:
        return Correction(name, ks, critical, before, before, False), table
    shift = DAMPING * _smoothed(np.log(np.quantile(real_s, LEVELS) / np.quantile(simulated_s, LEVELS)))
    quantiles = np.maximum.accumulate(np.array(table.quantiles_s) * np.exp(shift)).clip(max=LATENCY_S_MAX)
    rank = (np.argsort(np.argsort(simulated_s)) + 0.5) / len(simulated_s)
    promised = simulated_s * np.exp(np.interp(rank, LEVELS, shift))
    after = distances.log_wasserstein(real_s, promised)
    moved = msgspec.structs.replace(table, quantiles_s=tuple(float(f"{value:.4g}") for value in quantiles))
    return Correction(name, ks, critical, before, after, True), moved


def _smoothed(values: FloatArray) -> FloatArray:
    """Return moving means; at the ends the outermost values count several times."""
    half = _SMOOTHING_LEVELS // 2
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, np.full(_SMOOTHING_LEVELS, 1 / _SMOOTHING_LEVELS), "valid")


def _usable(calls: Calls) -> Calls:
    is_kind = np.array([name == _KIND for name in calls.kind_names], dtype=bool)
    return calls.select(is_kind[calls.kind] & (calls.latency_s > 0) & ~calls.censored)


def _latencies(calls: Calls) -> Mapping[str, FloatArray]:
    calls = _usable(calls)
    return {calls.tool_names[tool]: calls.latency_s[calls.tool == tool] for tool in np.unique(calls.tool)}


def _effective_counts(calls: Calls) -> Mapping[str, float]:
    calls = _usable(calls)
    if not len(calls):
        return {}
    one_kind = replace(calls, kind_names=(_KIND,), kind=np.zeros(len(calls), dtype=np.int64))
    cells = moments(tally(one_kind))
    names = [calls.tool_names[tool] for tool in cells.keys[:, 0]]
    return dict(zip(names, cells.effective_count.tolist(), strict=True))
