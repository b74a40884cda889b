"""The replay index: which recorded response answers a request.

Rules:

1. The n-th identical call of an episode gets the n-th recording of that request. After the last one the index
   starts over (``cycle``) or stays at it (``last``).
2. Requests are identical if their request keys are equal (`request_key`).
3. The index never changes after it is built. What an episode has used up is in a cursor that the caller
   keeps.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from earthwire.traces._difference import body_differences, path_differences, query_differences
from earthwire.traces._exchange import REQUEST_BODY_ATTRIBUTE
from earthwire.traces.record import TraceRecord
from earthwire.traces.request_key import request_key, split_target

AfterLast = Literal["cycle", "last"]

NEAREST_CANDIDATES_MAX = 2000
"""Distinct requests that a miss is compared with, at most."""

_METHOD_COST = 4
_PATH_COST = 3
_EMPTY_STATUSES = (204, 205, 304)


@dataclass(slots=True)
class ReplayCursor:
    """How often an episode has made each request. One per episode, kept by the caller."""

    counts: Counter[str] = field(default_factory=Counter)


class Hit(msgspec.Struct, frozen=True):
    """A recorded response.

    Attributes:
        record: status, headers, times.
        body: the recorded body, decoded.
        call_index: how often the episode had made this request before.
        is_past_last: True if the recordings were used up, and the policy chose this one.
    """

    record: TraceRecord
    body: bytes
    call_index: int
    is_past_last: bool


@dataclass(frozen=True, slots=True)
class Miss:
    """No recording of this request.

    Attributes:
        nearest: a recording of the most similar request, or None if nothing can be replayed.
        nearest_request: its method and target.
        differences: what differs, most telling first.
    """

    nearest: TraceRecord | None
    nearest_request: str
    differences: tuple[str, ...]

    def __str__(self) -> str:
        if self.nearest is None:
            return "no recording can be replayed"
        return (
            f"no recording of this request; nearest is {self.nearest_request}: {'; '.join(self.differences)}"
        )


@dataclass(frozen=True, slots=True)
class _Candidate:
    record: TraceRecord
    method: str
    target: str
    path: str
    query: list[tuple[str, str]]


class ReplayIndex:
    """Recorded responses by request.

    Attributes:
        replayable_count: recordings in the index.
        not_replayable: reason to the number of records that were left out for it.
    """

    def __init__(self, records: Iterable[TraceRecord], after_last: AfterLast = "cycle") -> None:
        """Build the index.

        Args:
            records: in recorded order; read with bodies kept.
            after_last: what answers once all recordings of a request are used up.
        """
        self.after_last: AfterLast = after_last
        self._recordings: dict[str, list[TraceRecord]] = {}
        reasons: Counter[str] = Counter()
        for record in records:
            reason = _reason_against(record)
            if reason is not None or record.request_key is None:
                reasons[reason or "no request key"] += 1
                continue
            self._recordings.setdefault(record.request_key, []).append(record)
        self.not_replayable: Mapping[str, int] = dict(reasons)
        self.replayable_count = sum(map(len, self._recordings.values()))
        self._candidates = [_candidate(group[0]) for group in self._recordings.values()]

    def match(
        self, method: str, target: str, body: bytes, content_type: str | None, cursor: ReplayCursor
    ) -> Hit | Miss:
        """Return the recording that answers a request, and advance the cursor.

        Args:
            method: HTTP method.
            target: full URL or origin form.
            body: request body.
            content_type: request content type, or None.
            cursor: the episode's; only a hit advances it.
        """
        key = request_key(method, target, body, content_type)
        recordings = self.recordings(key)
        if not recordings:
            return self._miss(method, target, body)
        call_index = cursor.counts[key]
        cursor.counts[key] = call_index + 1
        record = recordings[self.position(call_index, len(recordings))]
        return Hit(record, recorded_body(record), call_index, call_index >= len(recordings))

    def recordings(self, key: str) -> Sequence[TraceRecord]:
        """Return the recordings of a request, in recorded order, by its key (`request_key`)."""
        return self._recordings.get(key, ())

    def position(self, call_index: int, count: int) -> int:
        """Return which of `count` recordings answers a request that its episode has made `call_index` times before."""
        if call_index < count:
            return call_index
        return count - 1 if self.after_last == "last" else call_index % count

    def _miss(self, method: str, target: str, body: bytes) -> Miss:
        path, query = split_target(target)
        best: tuple[int, list[str], _Candidate] | None = None
        for candidate in self._candidates[:NEAREST_CANDIDATES_MAX]:
            cost, differences = _compared(method.upper(), path, query, candidate)
            if best is not None and cost > best[0]:
                continue
            of_body = body_differences(body, recorded_request_body(candidate.record))
            cost += len(of_body)
            if best is None or cost < best[0]:
                best = (cost, differences + of_body, candidate)
        if best is None:
            return Miss(None, "", ())
        candidate = best[2]
        return Miss(candidate.record, f"{candidate.method} {candidate.target}", tuple(best[1]))


def recorded_body(record: TraceRecord) -> bytes:
    """Return the kept response body of a record as bytes."""
    text = record.response_body or ""
    return base64.b64decode(text) if record.response_body_encoding == "base64" else text.encode("utf-8")


def recorded_request_body(record: TraceRecord) -> str:
    """Return the kept request body of a record, redacted as it was kept; empty where there was none."""
    attributes = json.loads(record.attributes) if record.attributes else {}
    return str(attributes.get(REQUEST_BODY_ATTRIBUTE, ""))


def _reason_against(record: TraceRecord) -> str | None:
    """Return why a record cannot be replayed, or None if it can."""
    if record.http_response_status_code is None:
        return "no response"
    if record.response_body_truncated:
        return "body cut"
    is_empty = record.body_class == "empty" or record.http_response_status_code in _EMPTY_STATUSES
    return "no body kept" if record.response_body is None and not is_empty else None


def _candidate(record: TraceRecord) -> _Candidate:
    target = record.url_full or record.url_template or "/"
    path, query = split_target(target)
    return _Candidate(record, (record.http_request_method or "GET").upper(), target, path, query)


def _compared(
    method: str, path: str, query: list[tuple[str, str]], candidate: _Candidate
) -> tuple[int, list[str]]:
    """Return (cost, differences) of method, path and query; a template says nothing about the query."""
    of_method = [] if method == candidate.method else [f"method is {method}, recorded {candidate.method}"]
    of_path = path_differences(path, candidate.path)
    of_query = query_differences(query, candidate.query) if candidate.record.url_full else []
    cost = _METHOD_COST * len(of_method) + _PATH_COST * len(of_path) + len(of_query)
    return cost, of_method + of_path + of_query
