"""What a log says about a client: rules, each with the calls that it rests on.

The log is that of a proxy: calls of one episode, with what was injected. Calls belong together as attempts of one
logical call if tool and arguments are the same and the earlier one failed (see `earthwire.traces.clients.attempts`).
Times are those of the episode's own clock; in virtual time nobody sees a client wait, so that nothing is said of its
pacing.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec

from earthwire.traces.clients.attempts import RETRY_GAP_S_MAX
from earthwire.traces.clients.episode_times import on_own_clocks, own_clock
from earthwire.traces.record import TraceRecord

Rule = Literal[
    "retry_storm",
    "no_back_off",
    "retry_after_ignored",
    "not_retryable_retried",
    "gave_up",
    "no_read_timeout",
    "garbage_accepted",
    "next_cursor_ignored",
    "duplicate_effect_risk",
]

TEXTS: Final[dict[Rule, str]] = {
    "retry_storm": "a call was tried more than {most} times",
    "no_back_off": "tried again within {gap_ms:g} ms of an error",
    "retry_after_ignored": "tried again before the time that Retry-After named",
    "not_retryable_retried": "repeated a request that was refused for what it is (400, 401, 403, 404, 422)",
    "gave_up": "let a call fail for good",
    "no_read_timeout": "waited {wait_s:g} s or longer for an answer",
    "garbage_accepted": "took a broken answer, and neither asked again nor failed",
    "next_cursor_ignored": "read the first page of a list and never asked for the next one",
    "duplicate_effect_risk": "sent a request that changes something again although the first may have worked",
}
"""What each rule finds, for people."""

ATTEMPTS_MAX = 6
BACK_OFF_S_MIN = 0.05
PATIENCE_S_MAX = 60.0

_NOT_RETRYABLE = frozenset((400, 401, 403, 404, 422))
_GARBAGE = frozenset(("malformed", "semantic_error"))
_FAILED = frozenset(
    ("http_error", "rpc_error", "tool_error", "timeout", "conn_error", "cancelled", *_GARBAGE)
)
_UNCERTAIN = frozenset(("timeout", "conn_error", "cancelled", *_GARBAGE))
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_CURSORS = ('"nextCursor"', '"next_cursor"', '"next_page_token"')


class ClientVerdict(msgspec.Struct, frozen=True):
    """One thing that a client does.

    Attributes:
        rule: what.
        count: how often.
        example: tool of the first call that shows it.
    """

    rule: Rule
    count: int
    example: str

    @property
    def text(self) -> str:
        """The verdict as a sentence without its end."""
        return TEXTS[self.rule].format(most=ATTEMPTS_MAX, gap_ms=1000 * BACK_OFF_S_MIN, wait_s=PATIENCE_S_MAX)


def client_verdicts(
    records: Iterable[TraceRecord], ended_well: bool | None = None
) -> tuple[ClientVerdict, ...]:
    """Return what a log shows, most severe rule first.

    Args:
        records: of a proxy, of any number of episodes.
        ended_well: the client said that it reached its goal; None if that is not known.
    """
    found: dict[Rule, list[str]] = {rule: [] for rule in TEXTS}
    for attempts in logical_calls(records):
        for rule in _rules_of(attempts, ended_well):
            found[rule].append(attempts[0].tool)
    for tool in _cursors_ignored(records if isinstance(records, Sequence) else ()):
        found["next_cursor_ignored"].append(tool)
    return tuple(ClientVerdict(rule, len(tools), tools[0]) for rule, tools in found.items() if tools)


def logical_calls(records: Iterable[TraceRecord]) -> list[list[TraceRecord]]:
    """Return the attempts of each logical call, in order; arguments that are not known are taken for the same."""
    done: list[list[TraceRecord]] = []
    under_way: dict[tuple[str | None, str], list[list[TraceRecord]]] = {}
    for record in on_own_clocks(records):
        opened = under_way.setdefault((record.episode or record.session_id, record.tool), [])
        attempts = next((one for one in opened if _continues(record, one)), None)
        if attempts is None:
            attempts = []
            opened.append(attempts)
            done.append(attempts)
        attempts.append(record)
        if record.outcome not in _FAILED:
            opened.remove(attempts)
    return done


def _continues(record: TraceRecord, attempts: Sequence[TraceRecord]) -> bool:
    keys = {one.request_key for one in (*attempts, record) if one.request_key is not None}
    return len(keys) <= 1 and _start_s(record) - _end_s(attempts[-1]) <= RETRY_GAP_S_MAX


def _rules_of(attempts: list[TraceRecord], ended_well: bool | None) -> Iterable[Rule]:
    last = attempts[-1]
    if len(attempts) > ATTEMPTS_MAX:
        yield "retry_storm"
    pairs = list(pairwise(attempts))
    yield from _pacing_rules_of(pairs)
    if any(earlier.http_response_status_code in _NOT_RETRYABLE for earlier, _ in pairs):
        yield "not_retryable_retried"
    if any((record.duration_ns or 0) / 1e9 >= PATIENCE_S_MAX for record in attempts):
        yield "no_read_timeout"
    if any(earlier.outcome in _UNCERTAIN and _changes(earlier) for earlier, _ in pairs):
        yield "duplicate_effect_risk"
    if last.outcome in _GARBAGE and ended_well is not False:
        yield "garbage_accepted"
    elif last.outcome in _FAILED and last.outcome != "cancelled":
        yield "gave_up"


def _pacing_rules_of(pairs: Sequence[tuple[TraceRecord, TraceRecord]]) -> Iterable[Rule]:
    """Yield what the waits between attempts show, where a client can be seen to wait."""
    clocks = [own_clock(later.attributes) for _, later in pairs]
    if any(one.clock == "virtual" for one in clocks) and not any(one.waited_s for one in clocks):
        return
    gaps_s = [_start_s(later) - _end_s(earlier) for earlier, later in pairs]
    if any(gap_s < BACK_OFF_S_MIN for gap_s in gaps_s[1:]):
        yield "no_back_off"
    if any(
        gap_s < (earlier.retry_after_s or 0.0) * 0.9
        for gap_s, (earlier, _) in zip(gaps_s, pairs, strict=True)
    ):
        yield "retry_after_ignored"


def _changes(record: TraceRecord) -> bool:
    return record.http_request_method not in _SAFE_METHODS


def _cursors_ignored(records: Sequence[TraceRecord]) -> Iterable[str]:
    """Yield the tools whose lists were left at their first page, where bodies were recorded."""
    asked = {record.tool: 0 for record in records}
    for record in records:
        asked[record.tool] += 1
    for record in records:
        body = record.response_body or ""
        if record.outcome == "ok" and any(name in body for name in _CURSORS) and asked[record.tool] == 1:
            yield record.tool


def _start_s(record: TraceRecord) -> float:
    return (record.start_time_unix_nano or 0) / 1e9


def _end_s(record: TraceRecord) -> float:
    return _start_s(record) + (record.duration_ns or 0) / 1e9
