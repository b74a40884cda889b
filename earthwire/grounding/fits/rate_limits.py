"""Finds rate limits in recorded refusals, and tells them apart from refusals that come at random or in bursts.

A window lets the same number of calls pass every time. So the calls that pass between two refused stretches are
counted, and the hypothesis that they number Q, give or take what concurrent calls arriving out of order do, is held
against a geometric number of them, which is what independent refusals and Markov bursts give. A stretch may be
interrupted: several lengths of interruption are tried, and paid for.

Tools of one upstream are pooled, since one tool alone often has one window only. What order alone cannot tell is the
window in seconds: it is estimated only where calls have start times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from earthwire.fault_models.grouping import upstream
from earthwire.fault_models.laws.rate_limit import REFUSED, RateLimit
from earthwire.fault_models.plan import Support
from earthwire.grounding.fits.regimes import run_lengths
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

REFUSALS_MIN = 10
CYCLES_MIN = 3
QUOTA_MIN = 2
EVIDENCE_MIN = float(np.log(1_000))
"""Log likelihood ratio that a limit needs, after paying for what was tried."""
QUOTA_CALLS_SHARE_MAX = 0.2
"""A quota above this share of all calls was seen a few times at most."""

_INTERRUPTION_SHARES = (0.0, 0.05, 0.1, 0.25, 0.5)
"""Refused stretches shorter than this share of the longest one do not end a window."""
_EXACT, _NEAR, _ANY = 0.7, 0.2, 0.1
"""How a full window's number of passes may come about: the quota, a call or 5 % off it, or anything."""
_NEAR_SHARE = 0.05
_QUOTA_SPREAD_MAX = 0.25
"""A tool belongs to its upstream's limit where the median of its own counts is as near to the quota as this."""
_BOUNDS_RATIO_MAX = 1.25
USUAL_WINDOWS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 86_400)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One window, as far as the order of calls shows it.

    Attributes:
        passed, refused: calls.
        full: whether the quota was used up.
        opened_s: start time of its first call; NaN where unknown.
        last_refused_s: start time of its last refused call; NaN where unknown.
    """

    passed: int
    refused: int
    full: bool
    opened_s: float
    last_refused_s: float


@dataclass(frozen=True, slots=True)
class Sequence:
    """The calls of one tool in one session: refused or not, shape (n,), and start times, NaN where unknown."""

    refused: BoolArray
    start_s: FloatArray


@dataclass(frozen=True, slots=True)
class Finding:
    """A limit that a set of sequences supports.

    Attributes:
        quota: calls that pass.
        evidence: log likelihood ratio, paid for.
        cycles: of each sequence, in order.
    """

    quota: int
    evidence: float
    cycles: list[list[Cycle]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A tool's limit and the windows that it was read from: its own, or those of its upstream where it has too few.

    Attributes:
        limit: of the tool.
        quota_cycles: windows that the quota rests on.
        own_cycles: windows of the tool itself, of each sequence.
    """

    limit: RateLimit
    quota_cycles: list[list[Cycle]]
    own_cycles: list[list[Cycle]]


def rate_limits(calls: Calls) -> dict[int, RateLimit]:
    """Return the limit of each tool code for which one was found."""
    return {tool: evidence.limit for tool, evidence in limit_evidence(calls).items()}


def limit_evidence(calls: Calls) -> dict[int, Evidence]:
    """Return the limit, with what it rests on, of each tool code for which one was found."""
    groups: dict[str, dict[int, list[Sequence]]] = {}
    for tool, sequences in _refused_sequences(calls).items():
        groups.setdefault(upstream(calls.tool_names[tool]), {})[tool] = sequences
    found: dict[int, Evidence] = {}
    for tools in groups.values():
        found |= _of_group(tools)
    return found


def find_limit(sequences: list[Sequence]) -> Finding | None:
    """Return the limit that sequences under one quota support, or None."""
    if _refusals(sequences) < REFUSALS_MIN:
        return None
    in_turn = _Runs.of(sequences)
    longest = int(in_turn.refused.max())
    best: tuple[float, int, int] | None = None
    for interruption in sorted({int(share * longest) for share in _INTERRUPTION_SHARES}):
        found = _weigh(in_turn.passes_of_full(interruption))
        if found is not None and (best is None or found[0] > best[0]):
            best = (*found, interruption)
    if best is None:
        return None
    evidence, quota, interruption = best
    calls = sum(len(sequence.refused) for sequence in sequences)
    if evidence < EVIDENCE_MIN or quota > QUOTA_CALLS_SHARE_MAX * calls:
        return None
    cycles = [_cycles(sequence, interruption) for sequence in sequences]
    return Finding(quota, evidence, cycles)


def window_bounds_s(cycles: list[list[Cycle]]) -> tuple[list[float], list[float]]:
    """Return the times that the window is longer than, and those that it is no longer than.

    A window is longer than the time to its last refusal, and no longer than the time to the next call that passes.

    Args:
        cycles: of each sequence, in order.
    """
    lows = [c.last_refused_s - c.opened_s for part in cycles for c in part if c.full]
    highs = [b.opened_s - a.opened_s for part in cycles for a, b in pairwise(part) if a.full]
    return [x for x in lows if x >= 0], [x for x in highs if x > 0]


def window_s(cycles: list[list[Cycle]]) -> float | None:
    """Return the length of a window in seconds, or None where start times do not tell.

    The one usual length inside the bounds is taken, else their middle where they are near to each other.

    Args:
        cycles: of each sequence, in order.
    """
    lows, highs = window_bounds_s(cycles)
    if not lows or not highs:
        return None
    low, high = max(lows), min(highs)
    if low >= high:
        # Clocks of two sides, or calls that overlap: no single window fits all, so the typical one is taken.
        low, high = sorted((float(np.median(lows)), float(np.median(highs))))
    usual = [window for window in USUAL_WINDOWS_S if low < window <= high]
    if len(usual) == 1:
        return float(usual[0])
    return float(f"{(low + high) / 2:.4g}") if high <= _BOUNDS_RATIO_MAX * low else None


def quota_weights(passed: IntArray, quotas: IntArray) -> FloatArray:
    """Return the log likelihood ratio of each quota against a geometric number of passes, shape (n_quotas,).

    Args:
        passed: calls that passed in each full window, at least 1.
        quotas: to be weighed.
    """
    leave = min(len(passed) / passed.sum(), 1.0 - 1e-9)
    geometric = np.maximum((1.0 - leave) ** (passed - 1) * leave, 1e-12)
    distance = np.abs(passed - quotas[:, None])
    near = np.maximum(1, np.round(_NEAR_SHARE * quotas))[:, None]
    limited = np.where(distance == 0, _EXACT, np.where(distance <= near, _NEAR / (2 * near), 0.0))
    evidence: FloatArray = np.log((limited + _ANY * geometric) / geometric).sum(axis=1)
    return evidence


def passes_of_full(cycles: list[list[Cycle]]) -> IntArray:
    """Return how many calls passed in each full window."""
    return np.array([c.passed for part in cycles for c in part if c.full and c.passed], dtype=np.int64)


def window_lengths(cycles: list[list[Cycle]]) -> list[int]:
    """Return the calls of the windows that were seen from end to end."""
    return [c.passed + c.refused for part in cycles for c in part[:-1] if c.full]


def _of_group(tools: dict[int, list[Sequence]]) -> dict[int, Evidence]:
    """Return the limits of the tools of one upstream: each by itself where it can, the others together."""
    found: dict[int, Evidence] = {}
    for tool, sequences in tools.items():
        finding = find_limit(sequences)
        if finding is not None:
            found[tool] = Evidence(_limit(finding, finding.cycles, "tool"), finding.cycles, finding.cycles)
    rest = {
        tool: sequences
        for tool, sequences in tools.items()
        if tool not in found and _refusals(sequences) >= REFUSALS_MIN
    }
    if len(rest) < 2:
        return found
    pooled = find_limit([sequence for sequences in rest.values() for sequence in sequences])
    if pooled is None:
        return found
    at = 0
    for tool, sequences in rest.items():
        own = pooled.cycles[at : at + len(sequences)]
        at += len(sequences)
        if _belongs(own, pooled.quota):
            found[tool] = Evidence(_limit(pooled, own, "server"), pooled.cycles, own)
    return found


def _limit(finding: Finding, own: list[list[Cycle]], support: Support) -> RateLimit:
    lengths = window_lengths(own) or window_lengths(finding.cycles)
    return RateLimit(
        quota=finding.quota,
        window_calls=round(float(np.median(lengths))) if lengths else None,
        window_s=window_s(own) or window_s(finding.cycles),
        refusals=sum(cycle.refused for part in finding.cycles for cycle in part),
        cycles=sum(cycle.full for part in finding.cycles for cycle in part),
        support=support,
    )


def _belongs(own: list[list[Cycle]], quota: int) -> bool:
    passed = [cycle.passed for part in own for cycle in part if cycle.full]
    return bool(passed) and abs(float(np.median(passed)) - quota) <= max(1.0, _QUOTA_SPREAD_MAX * quota)


def _weigh(passed: IntArray) -> tuple[float, int] | None:
    """Return the evidence for the typical number of passes as a quota, and that; None where windows are too few."""
    if len(passed) < CYCLES_MIN:
        return None
    quota = int(np.median(passed))
    if quota < QUOTA_MIN:
        return None
    evidence = float(quota_weights(passed, np.array([quota]))[0])
    return evidence - float(np.log(len(_INTERRUPTION_SHARES))), quota


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of several sequences: how many calls pass and how many are then refused, in turn, shape (n,).

    Attributes:
        passed, refused: calls of each run.
        before: calls of all sequences that passed before the run's sequence begins.
    """

    passed: IntArray
    refused: IntArray
    before: IntArray

    @classmethod
    def of(cls, sequences: list[Sequence]) -> "_Runs":
        """Find the runs of all sequences at once, each sequence as `run_lengths` would: mostly they are short."""
        is_refused = np.concatenate([sequence.refused for sequence in sequences])
        sizes = np.array([len(sequence.refused) for sequence in sequences])
        opens = np.cumsum(sizes) - sizes
        starts = np.union1d(opens, np.flatnonzero(is_refused[1:] != is_refused[:-1]) + 1)
        lengths, is_refused = np.diff(starts, append=len(is_refused)), is_refused[starts]
        first = np.searchsorted(starts, opens)
        owner = np.repeat(np.arange(len(opens)), np.diff(first, append=len(starts)))
        # A sequence that begins refused begins with no pass.
        place = np.arange(len(starts)) - first[owner] + is_refused[first][owner]
        pairs = (np.bincount(owner) + is_refused[first] + 1) // 2
        begins = np.cumsum(pairs) - pairs
        in_turn = np.zeros((int(pairs.sum()), 2), dtype=np.int64)
        in_turn[begins[owner] + place // 2, is_refused.astype(np.int64)] = lengths
        passed, refused = in_turn.T
        return cls(passed, refused, (np.cumsum(passed) - passed)[np.repeat(begins, pairs)])

    def passes_of_full(self, interruption: int) -> IntArray:
        """Return how many calls passed in each window that ends with more than so many refusals in a row."""
        full = np.flatnonzero(self.refused > interruption)
        total = np.cumsum(self.passed)[full]
        previous = np.concatenate(([0], total[:-1]))[: len(full)]
        passed = total - np.maximum(previous, self.before[full])
        return np.asarray(passed[passed > 0])


def _cycles(sequence: Sequence, interruption: int) -> list[Cycle]:
    """Cut a sequence into windows: where calls pass again after more than `interruption` refused in a row."""
    runs = run_lengths(sequence.refused)
    bounds = np.concatenate(([0], np.cumsum(runs)))
    cycles, opened, passed, refused = [], 0, 0, 0
    for i, length in enumerate(runs.tolist()):
        is_refused = i % 2 == 1
        passed, refused = passed + (not is_refused) * length, refused + is_refused * length
        is_last = i == len(runs) - 1
        if (is_refused and length > interruption) or is_last:
            end = int(bounds[i + 1])
            full = is_refused and length > interruption
            cycles.append(_cycle(sequence, opened, end, passed, refused, full))
            opened, passed, refused = end, 0, 0
    return cycles


def _cycle(sequence: Sequence, opened: int, end: int, passed: int, refused: int, full: bool) -> Cycle:
    at_s = sequence.start_s[opened:end]
    times = at_s[sequence.refused[opened:end]]
    last_refused_s = float(times[-1]) if len(times) else float("nan")
    return Cycle(passed, refused, full, float(at_s[0]), last_refused_s)


def _refused_sequences(calls: Calls) -> dict[int, list[Sequence]]:
    """Return the sequences of each tool code that was refused at all."""
    if REFUSED not in calls.kind_names:
        return {}
    refused = calls.kind == calls.kind_names.index(REFUSED)
    found: dict[int, list[Sequence]] = {}
    for tool in np.unique(calls.tool[refused]).tolist():
        rows = calls.tool == tool
        found[tool] = list(_sequences(refused[rows], calls.start_s[rows], calls.session[rows]))
    return found


def _sequences(refused: BoolArray, start_s: FloatArray, session: IntArray) -> Iterator[Sequence]:
    """Cut one tool's calls into sessions; where start times are known, calls are put in their order."""
    if np.isfinite(start_s).all():
        order = np.lexsort((start_s, session))
        refused, start_s, session = refused[order], start_s[order], session[order]
    bounds = (np.flatnonzero(session[1:] != session[:-1]) + 1).tolist()
    for first, last in pairwise([0, *bounds, len(session)]):
        yield Sequence(refused[first:last], start_s[first:last])


def _refusals(sequences: list[Sequence]) -> int:
    return int(np.concatenate([sequence.refused for sequence in sequences]).sum())
