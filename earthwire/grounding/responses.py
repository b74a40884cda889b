"""Gathers the error responses that a profile answers with: the tool's own recorded ones, redacted."""

from collections import Counter
from collections.abc import Iterable

from earthwire.fault_models.profile import ErrorResponse
from earthwire.traces.outcome_kind import is_fault, outcome_kind
from earthwire.traces.record import TraceRecord
from earthwire.traces.redaction import redact_body

RESPONSES_MAX = 3
"""Responses kept for each tool and outcome kind: the most frequent ones."""
BODY_CHARACTERS_MAX = 4_000
"""Bodies longer than this are not kept: cut, they would be faults of another kind."""

_Key = tuple[int, str | None, str, str | None]


class ResponseBank:
    """Counts recorded error responses by tool and outcome kind."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[_Key]] = {}

    def add(self, record: TraceRecord) -> None:
        """Count the response of one record, if it is a fault with a status and a whole body."""
        kind = outcome_kind(
            record.outcome,
            record.http_response_status_code,
            record.body_class,
            record.rpc_response_status_code,
        )
        status = record.http_response_status_code
        if not is_fault(kind) or status is None or record.response_body_truncated:
            return
        body = _usable_body(record)
        if body is None:
            return
        retry_after = None if record.retry_after_s is None else f"{record.retry_after_s:g}"
        counts = self._counts.setdefault((record.tool, kind), Counter())
        counts[status, record.content_type, redact_body(body, record.content_type), retry_after] += 1

    def responses(self) -> dict[str, dict[str, tuple[ErrorResponse, ...]]]:
        """Return the most frequent responses, by tool and outcome kind."""
        by_tool: dict[str, dict[str, tuple[ErrorResponse, ...]]] = {}
        for (tool, kind), counts in sorted(self._counts.items()):
            by_tool.setdefault(tool, {})[kind] = tuple(
                ErrorResponse(count, status, content_type, body, _headers(retry_after))
                for (status, content_type, body, retry_after), count in _most_common(counts)
            )
        return by_tool


def gather(records: Iterable[TraceRecord]) -> dict[str, dict[str, tuple[ErrorResponse, ...]]]:
    """Return the recorded error responses by tool and outcome kind."""
    bank = ResponseBank()
    for record in records:
        bank.add(record)
    return bank.responses()


def _usable_body(record: TraceRecord) -> str | None:
    """Return the body as text; empty where it is known to be empty; None where it is not known."""
    if record.body_class == "empty" or record.http_response_body_size == 0:
        return ""
    body = record.response_body
    if body is None or record.response_body_encoding == "base64" or len(body) > BODY_CHARACTERS_MAX:
        return None
    return body


def _headers(retry_after: str | None) -> dict[str, str]:
    return {} if retry_after is None else {"retry-after": retry_after}


def _most_common(counts: Counter[_Key]) -> list[tuple[_Key, int]]:
    """Return the most frequent keys; ties are broken by the key, not by which came first."""
    return sorted(counts.items(), key=lambda item: (-item[1], tuple(map(str, item[0]))))[:RESPONSES_MAX]
