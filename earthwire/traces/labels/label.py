"""The label of a fault: its class in the taxonomy, where it surfaces, and how it was done."""

from typing import Final, Literal, get_args

import msgspec

FaultClass = Literal[
    "ok",
    "unknown",
    "cancelled",
    "http_5xx",
    "http_429",
    "auth_401_403",
    "client_4xx",
    "timeout_pre",
    "conn_refused",
    "conn_reset",
    "truncated_body",
    "json_malformed",
    "html_instead_of_json",
    "error_in_200",
    "empty_200",
    "schema_drift",
    "duplicate_results",
    "wrong_content_type",
    "mojibake",
    "sse_disconnect",
    "sse_error_midstream",
    "slow_drip",
    "llm_api",
    "mcp_protocol",
    "tool_error",
]
HiddenClass = Literal["partial_results", "stale", "oversize"]
"""Classes that are injected and that no single response shows."""

Surface = Literal["transport", "protocol", "tool", "payload"]
"""Where an agent meets a fault: on the wire, as a JSON-RPC error, as ``isError``, or inside a success."""

FAULT_CLASSES: tuple[str, ...] = get_args(FaultClass)


class FaultLabel(msgspec.Struct, frozen=True):
    """What went wrong with one call.

    Attributes:
        fault_class: of the taxonomy; ``tool_error`` is an ``isError`` result that says nothing more precise.
        surface: where it shows; None where nothing went wrong or nothing is known.
        operator: how, as far as it shows: a status, a kind of damage, an error code.
        fraction: of the body that came, in [0, 1], for a cut of known size.
    """

    fault_class: FaultClass
    surface: Surface | None = None
    operator: str | None = None
    fraction: float | None = None


OK: Final = FaultLabel("ok")
UNKNOWN: Final = FaultLabel("unknown")
