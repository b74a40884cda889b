"""Callers that stop asking: how often the end of a recorded sequence ended a run of the caller's own mistakes.

After a 404 most callers stop; the few that insist are the ones whose next call is a 404 again. Counting only what
followed, a chain would make long runs of them and, asked on, bring too many mistakes. So some of the sequences that
ended with a mistake are counted as if a good call had come next: as many as bring the chain, run over sequences of the
recorded mean length, to the recorded share of mistakes.
"""

import math
from collections.abc import Mapping

from earthwire.traces.labels.outcome_kind import is_client_error

After = Mapping[str, Mapping[str, int]]

_BISECTIONS = 20


def given_up(after: After, start: str) -> dict[str, int]:
    """Return for each kind of mistake how many of the sequences that ended with it count as ends of a run.

    Args:
        after: previous outcome kind to counts by outcome kind.
        start: what stands for the previous outcome of a first call.
    """
    ended = _ended(after)
    sequences = sum(after.get(start, {}).values())
    if not sequences or not sum(ended.values()):
        return {}
    share = _share_of_ends(after, start, sequences, sum(ended.values()))
    return {kind: round(share * count) for kind, count in ended.items() if round(share * count)}


def _ended(after: After) -> dict[str, int]:
    """Return how many sequences ended with each kind of mistake: those that nothing followed."""
    ended: dict[str, int] = {}
    for counts in after.values():
        for kind, count in counts.items():
            if is_client_error(kind):
                ended[kind] = ended.get(kind, 0) + count
    for kind in ended:
        ended[kind] -= sum(after.get(kind, {}).values())
    return {kind: count for kind, count in ended.items() if count > 0}


def _share_of_ends(after: After, start: str, sequences: int, ended: int) -> float:
    """Return the share of the ends, in [0, 1], that makes the expected share of mistakes the recorded one."""
    first, good, wrong = _row(after, start), [0, 0], [0, 0]
    for previous, counts in after.items():
        if previous != start:
            into = wrong if is_client_error(previous) else good
            mistakes, total = _row({previous: counts}, previous)
            into[0] += mistakes
            into[1] += total
    calls = first[1] + good[1] + wrong[1]
    recorded = (first[0] + good[0] + wrong[0]) / calls

    def excess(share: float) -> float:
        stay = wrong[0] / max(wrong[1] + share * ended, 1e-9)
        enter = good[0] / good[1] if good[1] else 0.0
        return _expected(first[0] / first[1], enter, stay, calls / sequences) - recorded

    if excess(0.0) <= 0.0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return high


def _row(after: After, previous: str) -> tuple[int, int]:
    """Return how many calls after `previous` were mistakes, and how many there were."""
    counts = after.get(previous, {})
    return sum(count for kind, count in counts.items() if is_client_error(kind)), sum(counts.values())


def _expected(first: float, enter: float, stay: float, length: float) -> float:
    """Return the share of mistakes among the first `length` calls of a chain of two states.

    With λ = stay - enter and the stationary share π = enter / (1 - λ), call k is a mistake with probability
    ``π + (first - π) λ^k``.
    """
    decay = min(stay - enter, 1.0 - 1e-9)
    stationary = enter / (1.0 - decay)
    if decay <= 0.0:
        return stationary + (first - stationary) / length
    passed: float = 1.0 - math.pow(decay, length)
    return stationary + (first - stationary) * passed / (length * (1.0 - decay))
