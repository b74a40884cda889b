"""Fits when the tools of one upstream were bad together, on the wall clock, where calls have start times.

Time is cut into ticks. A tick is bad where at least half of the upstream's calls in it failed in a way that is not the
caller's doing. Ticks without a call are as the one before them, but for no longer than `UNSEEN_TICKS_MAX`: what nobody
saw is left out.
"""

import numpy as np

from earthwire.fault_models.grouping import upstream
from earthwire.fault_models.regime import TICK_S, UpstreamRegime
from earthwire.grounding.outcome_mix import faults
from earthwire.grounding.regimes import HISTORY_FAULTS_MIN, run_history, run_lengths
from earthwire.traces.calls import Calls, IntArray, map_tools

UNSEEN_TICKS_MAX = round(7_200 / TICK_S)
"""Two hours: hourly probes see all of the time."""

_OUTAGES = ("conn_error", "timeout", "http_5xx")
"""Outcomes that an upstream brings about whatever it is asked for."""


def is_outage(kind: str) -> bool:
    """Tell whether an outcome kind may be a sign of an outage.

    >>> is_outage("http_5xx:503"), is_outage("http_4xx:404")
    (True, False)
    """
    return kind.partition(":")[0] in _OUTAGES


def upstream_regimes(calls: Calls) -> dict[str, UpstreamRegime]:
    """Return the regime of each upstream that was seen to go down and come back often enough."""
    names, group = map_tools(calls, upstream)
    timed = np.isfinite(calls.start_s)
    of_kind = np.array([is_outage(name) for name in calls.kind_names], dtype=bool)
    out = of_kind[calls.kind] & timed if len(calls) else timed
    found = {}
    for code in np.flatnonzero(np.bincount(group[out], minlength=len(names)) >= HISTORY_FAULTS_MIN):
        regime = _regime(calls.select(timed & (group == code)), of_kind)
        if regime is not None:
            found[names[code]] = regime
    return found


def _regime(calls: Calls, of_kind: np.ndarray) -> UpstreamRegime | None:
    tick, position = np.unique((calls.start_s // TICK_S).astype(np.int64), return_inverse=True)
    bad = 2 * np.bincount(position, weights=of_kind[calls.kind]) >= np.bincount(position)
    history = run_history(_joined(run_lengths(bad), _tick_counts(tick)))
    if history is None:
        return None
    failed, in_bad = faults(calls), bad[position]
    return UpstreamRegime(
        history=history,
        up_calls=int((~in_bad).sum()),
        up_faults=int((failed & ~in_bad).sum()),
        bad_calls=int(in_bad.sum()),
        bad_faults=int((failed & in_bad).sum()),
    )


def _tick_counts(tick: IntArray) -> IntArray:
    """Return how many ticks each observed one stands for: until the next one, within the bound; the last for one."""
    return np.append(np.minimum(np.diff(tick), UNSEEN_TICKS_MAX), 1).astype(np.int64)


def _joined(runs: IntArray, counts: IntArray) -> IntArray:
    """Return run lengths in ticks from those in observed ticks."""
    ends = np.concatenate(([0], np.cumsum(counts)))[np.cumsum(runs)]
    return np.diff(ends, prepend=0)
