"""Errors told inside a success: what a body says of the outcome under a status that says "fine".

The rule is strict, so that no answer is taken for an error: a body counts as an error report only if it says that there
is an error and holds nothing else (`error_envelope`), or if it is a JSON-RPC response with an error.
"""

from collections.abc import Mapping

import msgspec

from earthwire.traces.labels._mcp_result import label_json_rpc
from earthwire.traces.labels.error_envelope import is_error_envelope, may_be_error_envelope
from earthwire.traces.record import Outcome

_OUTCOME_OF_SURFACE: Mapping[str | None, Outcome] = {
    "protocol": "rpc_error",
    "tool": "tool_error",
    "payload": "semantic_error",
}


class InBandError(msgspec.Struct, frozen=True):
    """What a body says went wrong.

    Attributes:
        outcome: ``semantic_error``, or for JSON-RPC ``rpc_error`` or ``tool_error``.
        rpc_code: error code of JSON-RPC, or None.
    """

    outcome: Outcome
    rpc_code: str | None = None


def in_band_error(body: bytes) -> InBandError | None:
    """Return the error that a complete body reports; None where it reports none.

    >>> in_band_error(b'{"error": "quota exceeded"}').outcome, in_band_error(b'{"id": 7, "status": "failed"}')
    ('semantic_error', None)
    """
    if not may_be_error_envelope(body):
        return None
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if isinstance(value, Mapping) and "jsonrpc" in value:
        label = label_json_rpc(value)
        if label.fault_class in ("ok", "empty_200"):
            return None
        code = label.operator if label.surface == "protocol" else None
        return InBandError(_OUTCOME_OF_SURFACE[label.surface], code)
    return InBandError("semantic_error") if is_error_envelope(value) else None
