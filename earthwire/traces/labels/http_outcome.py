"""The outcome of an HTTP exchange: by status and body, or by the error text of one that failed."""

import re

from earthwire.traces.labels.body_class import classify_body, is_json_lines, is_json_type
from earthwire.traces.record import BodyClass, Outcome

_TIMEOUT = re.compile(r"time[d_ -]*out|deadline.?exceeded|etimedout", re.IGNORECASE)
_CANCELLED = re.compile(r"abort|cancel|blocked[_ ]by[_ ](client|administrator|csp)", re.IGNORECASE)
"""Also what a browser's content blocker or policy never sent: no tool failed there."""
_NOT_JSON: frozenset[BodyClass] = frozenset(("html", "xml", "invalid_json"))


def http_outcome(
    status: int,
    content_type: str | None = None,
    body: bytes | None = None,
    body_class: BodyClass | None = None,
) -> Outcome:
    """Return the outcome of an exchange that had a response.

    A status from 400 is ``http_error`` whatever the body is. A body that is not the JSON its content type
    promises is ``malformed``, unless it is a stream of JSON lines.

    Args:
        status: HTTP status code.
        content_type: header as sent, or None.
        body: complete body, or None if not known.
        body_class: its class where the caller has it already.
    """
    if status >= 400:
        return "http_error"
    if body is None or not is_json_type(content_type):
        return "ok"
    found = body_class or classify_body(body, content_type)
    return "malformed" if found in _NOT_JSON and not is_json_lines(body) else "ok"


def failure_outcome(error_text: str | None) -> Outcome:
    """Return the outcome of an exchange without a response.

    >>> failure_outcome("net::ERR_CONNECTION_TIMED_OUT"), failure_outcome("net::ERR_ABORTED")
    ('timeout', 'cancelled')
    >>> failure_outcome(None)
    'conn_error'
    """
    if error_text and _TIMEOUT.search(error_text):
        return "timeout"
    if error_text and _CANCELLED.search(error_text):
        return "cancelled"
    return "conn_error"
