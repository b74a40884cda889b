"""Whether a run showed what its recipe declares. A fault that never fired makes a run INVALID: it tested nothing."""

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from earthwire.fault_models.channels import changes_in
from earthwire.fault_models.reward.facts import was_refused_for_budget
from earthwire.traces.record import TraceRecord

_KINDS_MAX = 10_000
"""Bound on the (kind, tool) pairs that are told apart; what is beyond counts as a call only."""


class ExpectedFault(msgspec.Struct, frozen=True):
    """A fault that must have been injected.

    Attributes:
        kind: outcome kind, or a pattern of them.
        tool: tools that it may happen to, as a pattern.
        at_least: times that it must happen.
    """

    kind: str
    tool: str = "*"
    at_least: int = 1

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        return self.kind if self.tool == "*" else f"{self.kind} at {self.tool}"


class Expectations(msgspec.Struct, frozen=True):
    """What a run must have shown.

    Attributes:
        calls_min: least calls.
        faults: that must have been injected.
        changes: what channels must have done at least once, by the name under which they note it.
    """

    calls_min: int = 1
    faults: tuple[ExpectedFault, ...] = ()
    changes: tuple[str, ...] = ()


class RunCheck(msgspec.Struct, frozen=True):
    """What a run showed, against what it should have shown.

    Attributes:
        calls: of the run.
        injected: faults by outcome kind.
        changes: what channels did, by name.
        reasons: why the run is INVALID; none if it is valid.
        declared: how often each declared fault was injected, by its name.
    """

    calls: int
    injected: dict[str, int]
    changes: dict[str, int]
    reasons: tuple[str, ...]
    declared: dict[str, int]

    @property
    def is_valid(self) -> bool:
        """Whether the run showed all that was declared."""
        return not self.reasons


def check_run(records: Iterable[TraceRecord], expected: Expectations) -> RunCheck:
    """Hold the recording of a run against what its recipe declares.

    Args:
        records: of the run, in any order.
        expected: what it must have shown.
    """
    calls = 0
    injected: Counter[tuple[str, str]] = Counter()
    changes: Counter[str] = Counter()
    for record in records:
        calls += 1
        is_fault = record.origin == "injected" and not was_refused_for_budget(record)
        if is_fault and record.plan_outcome not in (None, "ok", "unknown"):
            key = (str(record.plan_outcome), record.tool)
            if key in injected or len(injected) < _KINDS_MAX:
                injected[key] += 1
        changes.update(changes_in(record.attributes))
    by_kind: Counter[str] = Counter()
    for (kind, _), count in injected.items():
        by_kind[kind] += count
    declared = {fault.name: _count(injected, fault) for fault in expected.faults}
    reasons = tuple(_missing(calls, declared, changes, expected))
    return RunCheck(calls, dict(by_kind), dict(changes), reasons, declared)


def _count(injected: Counter[tuple[str, str]], fault: ExpectedFault) -> int:
    return sum(
        count
        for (kind, tool), count in injected.items()
        if fnmatchcase(kind, fault.kind) and fnmatchcase(tool, fault.tool)
    )


def _missing(
    calls: int, declared: dict[str, int], changes: Counter[str], expected: Expectations
) -> Iterable[str]:
    if calls < expected.calls_min:
        yield f"{calls} calls, and {expected.calls_min} are the least"
    for fault in expected.faults:
        count = declared[fault.name]
        if count < fault.at_least:
            yield f"{fault.name} was injected {count} times, and {fault.at_least} is declared"
    for name in expected.changes:
        if not changes[name]:
            yield f"{name} is on and never changed anything"
