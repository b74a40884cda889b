"""Outcome kinds: the finer labels that laws are keyed by, and how they follow from a record.

A kind is the record's outcome, refined by what makes two faults behave differently: ``http_5xx:503``,
``rpc_error:-32603``, ``malformed:html``. `ok` and `unknown` stay as they are.
"""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

from earthwire.traces.record import OUTCOMES, BodyClass, Outcome

FaultLayer = Literal["transport", "http", "jsonrpc", "tool", "content"]

TAKEN_BACK: Final = ("cancelled",)
"""Outcome kinds that the agent brings about, not the tool: they say nothing of how a tool ends its calls."""

_LAYERS: Final[Mapping[str, FaultLayer]] = {
    "conn_error": "transport",
    "timeout": "transport",
    "cancelled": "transport",
    "http_error": "http",
    "rpc_error": "jsonrpc",
    "tool_error": "tool",
    "malformed": "content",
    "semantic_error": "content",
}

REFINEMENTS = frozenset(
    (
        "content_type",
        "duplicates",
        "empty",
        "encoding",
        "html",
        "invalid_json",
        "oversize",
        "partial",
        "schema_drift",
        "stale",
        "stream",
        "truncated",
        "xml",
    )
)
"""Error types that say how a body is broken: ``malformed:truncated``, ``semantic_error:schema_drift``."""

CALLER_ERROR_STATUSES = range(400, 500)
_NOT_THE_REQUEST = (401, 403, 408, 425, 429)
_CLIENT_RPC_ERRORS = ("rpc_error:-32600", "rpc_error:-32601", "rpc_error:-32602")


class Labelled(Protocol):
    """What of a record tells its outcome kind; the names are those of `TraceRecord`."""

    @property
    def outcome(self) -> Outcome:
        """How the call ended."""

    @property
    def http_response_status_code(self) -> int | None:
        """Its status, if one came."""

    @property
    def body_class(self) -> BodyClass | None:
        """What its body is."""

    @property
    def rpc_response_status_code(self) -> str | None:
        """The code of its JSON-RPC error."""

    @property
    def error_type(self) -> str | None:
        """What broke, as OpenTelemetry names it."""


def kind_of_record(record: Labelled) -> str:
    """Return the outcome kind of a recorded call."""
    return outcome_kind(
        record.outcome,
        record.http_response_status_code,
        record.body_class,
        record.rpc_response_status_code,
        record.error_type,
    )


def outcome_kind(
    outcome: Outcome,
    status: int | None = None,
    body_class: str | None = None,
    rpc_code: str | None = None,
    error_type: str | None = None,
) -> str:
    """Return the outcome kind of a call.

    Args:
        outcome: the record's outcome.
        status: HTTP status code, or None where there was none.
        body_class: class of the response body, or None if not known.
        rpc_code: JSON-RPC error code, or None.
        error_type: of the record; one of `REFINEMENTS` says how a body is broken.

    >>> outcome_kind("http_error", 503)
    'http_5xx:503'
    """
    if outcome == "http_error" and status is not None:
        return f"http_{status // 100}xx:{status}"
    if outcome == "rpc_error" and rpc_code is not None:
        return f"rpc_error:{rpc_code}"
    if error_type in REFINEMENTS and outcome in ("malformed", "semantic_error"):
        return f"{outcome}:{error_type}"
    if outcome == "malformed" and body_class is not None:
        return f"malformed:{body_class}"
    return outcome


def is_fault(kind: str) -> bool:
    """Tell whether an outcome kind is a fault: anything that is known and not ``ok``."""
    return kind not in ("ok", "unknown")


def layer_of(outcome: str) -> FaultLayer | None:
    """Return the layer that an outcome is a fault of; None for one that is none.

    >>> layer_of("rpc_error"), layer_of("ok")
    ('jsonrpc', None)
    """
    return _LAYERS.get(outcome)


def is_client_error(kind: str) -> bool:
    """Tell whether an outcome kind is the caller's own mistake: it follows from what was asked, not from chance.

    Refusals for want of rights (401, 403) and for asking too much or too slowly (408, 425, 429) are not.

    >>> is_client_error("http_4xx:404"), is_client_error("http_4xx:429"), is_client_error("rpc_error:-32602")
    (True, False, True)
    """
    if kind.startswith("http_4xx:"):
        return int(kind[len("http_4xx:") :]) not in _NOT_THE_REQUEST
    return kind in _CLIENT_RPC_ERRORS


def status_of_kind(kind: str) -> int | None:
    """Return the HTTP status code that a kind carries, or None if it carries none.

    >>> status_of_kind("http_4xx:429"), status_of_kind("timeout")
    (429, None)
    """
    return int(kind.rpartition(":")[2]) if kind.startswith("http_") and ":" in kind else None


def outcome_of_kind(kind: str) -> Outcome:
    """Return the outcome that an outcome kind refines; ``unknown`` for a kind of none.

    >>> outcome_of_kind("http_5xx:503"), outcome_of_kind("malformed:html")
    ('http_error', 'malformed')
    """
    family = kind.partition(":")[0]
    if family.startswith("http_"):
        return "http_error"
    return family if family in OUTCOMES else "unknown"  # type: ignore[return-value]  # checked right here


def refinement_of_kind(kind: str) -> str | None:
    """Return how the body of a kind is broken, as a record's error type says it; None for kinds of another sort.

    >>> refinement_of_kind("malformed:truncated"), refinement_of_kind("http_5xx:503")
    ('truncated', None)
    """
    refinement = kind.partition(":")[2]
    return refinement if refinement in REFINEMENTS else None
