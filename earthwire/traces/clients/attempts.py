"""Attempts and logical calls: which calls of a log repeat another one, and what became of it in the end.

An attempt is one exchange on the wire. A logical call is an attempt with its retries. Nothing on the wire says which
attempts belong together, so it is inferred:

1. Attempts belong together if episode, tool and arguments are the same, the earlier one failed, and the later one began
   within `gap_s_max` seconds after it, on the episode's own clock (see `earthwire.traces.clients.episode_times`).
2. The same arguments after a success are a new logical call: polling is no retry.
3. A call that changes something is *duplicated* if it is sent again although an earlier attempt has done its work, and
   *perhaps duplicated* if nobody can tell whether it has.
"""

from collections import OrderedDict
from typing import Literal

import msgspec

from earthwire.traces.clients.episode_times import EpisodeTimes
from earthwire.traces.record import TraceRecord

RETRY_GAP_S_MAX = 120.0
"""Longer than the back-off of common clients; whoever asks again later has thought about it."""

OPEN_CALLS_MAX = 10_000
"""Bound on the logical calls that are remembered because a retry may still come."""

Effect = Literal["done", "none", "unknown"]
"""Whether the tool did its work in an attempt."""

_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_DONE_OUTCOMES = frozenset(("ok", "malformed", "semantic_error"))
_UNCERTAIN_OUTCOMES = frozenset(("timeout", "cancelled", "conn_error", "unknown"))


class Attempt(msgspec.Struct, frozen=True):
    """One exchange, as far as it tells what belongs together.

    Attributes:
        tool: key that calls are grouped by.
        arguments: equal for equal arguments; None where they are not known, and nothing is a retry.
        start_s, end_s: seconds on any clock that all attempts of an episode share.
        failed: the caller did not get what it asked for.
        effect: whether the tool did its work.
        is_safe: the call changes nothing, so that repeating it does no harm.
    """

    tool: str
    arguments: str | None
    start_s: float
    end_s: float
    failed: bool
    effect: Effect
    is_safe: bool


class AttemptCounts(msgspec.Struct):
    """What the attempts of one episode, or of many, add up to.

    Attributes:
        attempts, failed_attempts: exchanges, and those of them that failed.
        logical_calls: attempts without their retries.
        failed_logical_calls: those that failed to the end: the agent gave them up.
        retries: attempts that repeat a failed one.
        recovered: logical calls that failed at first and succeeded in the end.
        duplicate_effects: attempts that repeat one whose work was done.
        possible_duplicate_effects: attempts that repeat one whose work may have been done.
    """

    attempts: int = 0
    failed_attempts: int = 0
    logical_calls: int = 0
    failed_logical_calls: int = 0
    retries: int = 0
    recovered: int = 0
    duplicate_effects: int = 0
    possible_duplicate_effects: int = 0

    @property
    def gave_up(self) -> int:
        """Logical calls whose last attempt failed."""
        return self.failed_logical_calls

    @property
    def attempt_failure_rate(self) -> float | None:
        """Share of the attempts that failed, in [0, 1]; None without attempts."""
        return self.failed_attempts / self.attempts if self.attempts else None

    @property
    def logical_failure_rate(self) -> float | None:
        """Share of the logical calls that failed to the end, in [0, 1]; None without any."""
        return self.failed_logical_calls / self.logical_calls if self.logical_calls else None

    def add(self, other: "AttemptCounts") -> None:
        """Add the counts of another episode."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class AttemptLog:
    """Counts the attempts of one episode as they end.

    Attempts may overlap; they are added in the order of their ends. A logical call that failed counts as given up until
    a retry of it ends.

    Attributes:
        counts: of all attempts so far.

    Args:
        gap_s_max: longest time between a failed attempt and its retry.
    """

    def __init__(self, gap_s_max: float = RETRY_GAP_S_MAX) -> None:
        self.counts = AttemptCounts()
        self._gap_s_max = gap_s_max
        # The last failed attempt of each call that may still be retried, and the strongest effect of its attempts.
        self._open: OrderedDict[tuple[str, str], tuple[Attempt, Effect]] = OrderedDict()

    @property
    def has_open_calls(self) -> bool:
        """Whether a further attempt could be a retry, so that its arguments count."""
        return bool(self._open)

    def add_first(self, count: int = 1) -> None:
        """Count attempts that succeeded while no call was open: they repeat none, and nothing can repeat them."""
        counts = self.counts
        counts.attempts += count
        counts.logical_calls += count

    def add(self, attempt: Attempt) -> bool:
        """Count one attempt; tell whether it is a retry."""
        counts = self.counts
        counts.attempts += 1
        counts.failed_attempts += attempt.failed
        earlier = self._retried(attempt)
        effect = attempt.effect
        if earlier is None:
            counts.logical_calls += 1
            counts.failed_logical_calls += attempt.failed
        else:
            counts.retries += 1
            if not attempt.failed:
                counts.recovered += 1
                counts.failed_logical_calls -= 1
            if not attempt.is_safe:
                counts.duplicate_effects += earlier == "done"
                counts.possible_duplicate_effects += earlier == "unknown"
            effect = _stronger(earlier, effect)
        if attempt.failed and attempt.arguments is not None:
            self._open[attempt.tool, attempt.arguments] = attempt, effect
            if len(self._open) > OPEN_CALLS_MAX:
                self._open.popitem(last=False)
        return earlier is not None

    def _retried(self, attempt: Attempt) -> Effect | None:
        """Return the effect of the attempts that this one repeats; None if it repeats none."""
        if attempt.arguments is None:
            return None
        found = self._open.get((attempt.tool, attempt.arguments))
        if found is None or attempt.start_s < found[0].end_s:
            return None
        del self._open[attempt.tool, attempt.arguments]
        return found[1] if attempt.start_s - found[0].end_s <= self._gap_s_max else None


def attempt_of(record: TraceRecord, times: EpisodeTimes, arguments: str | None = None) -> Attempt:
    """Return a record as an attempt.

    Args:
        record: of a call; without times it begins and ends at 0.
        times: of the calls of its episode before it.
        arguments: what stands for the arguments, where the record itself does not say.
    """
    start_s, end_s = times.of(record.start_time_unix_nano, record.duration_ns, record.attributes)
    return Attempt(
        record.tool,
        arguments or record.request_key or record.gen_ai_tool_call_arguments,
        start_s,
        end_s,
        record.outcome not in ("ok", "unknown"),
        effect_of(record.outcome, record.origin, record.plan_outcome),
        record.http_request_method in _SAFE_METHODS,
    )


def effect_of(outcome: str, origin: str | None, plan_outcome: str | None) -> Effect:
    """Tell whether the tool did its work, from how the call ended, who made the response and what was planned."""
    if outcome in _DONE_OUTCOMES:
        return "done"
    if outcome not in _UNCERTAIN_OUTCOMES:
        return "none"
    # A fault of our own making that never asks the tool: whatever the client makes of it, nothing was done.
    never_sent = origin == "injected" and plan_outcome in ("timeout", "conn_error")
    return "none" if never_sent and outcome != "cancelled" else "unknown"


class AttemptTally:
    """Counts the attempts of a whole log, episode by episode; records without episode go by their session.

    Args:
        gap_s_max: longest time between a failed attempt and its retry, in seconds.
    """

    def __init__(self, gap_s_max: float = RETRY_GAP_S_MAX) -> None:
        self._gap_s_max = gap_s_max
        self._logs: dict[str | None, tuple[AttemptLog, EpisodeTimes]] = {}

    def add(self, record: TraceRecord) -> Attempt:
        """Count a record, and return it as an attempt.

        Args:
            record: those of an episode come in the order in which its calls ended.
        """
        key = record.episode or record.session_id
        entry = self._logs.get(key)
        if entry is None:
            entry = self._logs[key] = AttemptLog(self._gap_s_max), EpisodeTimes()
        log, times = entry
        attempt = attempt_of(record, times)
        log.add(attempt)
        return attempt

    def counts(self) -> AttemptCounts:
        """Return the counts of all episodes together."""
        total = AttemptCounts()
        for log, _ in self._logs.values():
            total.add(log.counts)
        return total


def _stronger(first: Effect, second: Effect) -> Effect:
    order: tuple[Effect, ...] = ("none", "unknown", "done")
    return max(first, second, key=order.index)
