"""What a client of MCP sends: JSON-RPC messages, understood as far as a draw needs it, and never changed.

Both eras of the protocol are read alike. Up to 2025-11-25 a session says which version it speaks; from 2026-07-28 on
each request does, in its ``_meta``.
"""

from typing import Literal

import msgspec

from earthwire.proxy.wire.baggage import episode_in_baggage
from earthwire.traces.request_key import request_key

MessageKind = Literal["request", "notification", "response"]
RequestId = str | int

STATELESS_VERSION = "2026-07-28"
"""First protocol version without sessions; versions are dates and compare as text."""

EPISODE_META_KEY = "earthwire/episode"
"""Key in ``_meta`` that carries the episode of a request."""

_VERSION_META_KEY = "io.modelcontextprotocol/protocolVersion"


class ClientMessage(msgspec.Struct, frozen=True):
    """One message of a client.

    Attributes:
        kind: what it is.
        id: of a request or of a response, else None.
        method: of a request or a notification, else None.
        name: of the tool or the prompt that a request names, or None.
        is_stateless: the message itself says that it speaks version 2026-07-28 or later.
        meta: the texts among its ``_meta``: trace context, baggage, episode.
    """

    kind: MessageKind
    id: RequestId | None = None
    method: str | None = None
    name: str | None = None
    is_stateless: bool = False
    meta: dict[str, str] = {}


class _Envelope(msgspec.Struct):
    jsonrpc: Literal["2.0"]
    id: RequestId | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"")


class _Params(msgspec.Struct):
    name: object = None
    meta: object = msgspec.field(default=None, name="_meta")


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_PARAMS = msgspec.json.Decoder(_Params)


def read_client_message(data: bytes) -> ClientMessage | None:
    """Return the message in a body or a line; None if it is not one message of JSON-RPC.

    Batches, which only version 2025-03-26 had, are not one message.
    """
    try:
        envelope = _ENVELOPE.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if envelope.method is None:
        return None if envelope.id is None else ClientMessage("response", envelope.id)
    if envelope.id is None:
        return ClientMessage("notification", None, envelope.method)
    params = _params(envelope.params)
    meta = _texts(params.meta)
    return ClientMessage(
        "request",
        envelope.id,
        envelope.method,
        params.name if isinstance(params.name, str) else None,
        meta.get(_VERSION_META_KEY, "") >= STATELESS_VERSION,
        meta,
    )


def episode_of(message: ClientMessage) -> str | None:
    """Return the episode that a message names in its ``_meta``, by our key or in baggage; None for none."""
    named = message.meta.get(EPISODE_META_KEY)
    baggage = message.meta.get("baggage")
    if named is not None or baggage is None:
        return named
    return episode_in_baggage([baggage.encode("latin-1", "replace")])


def arguments_key(data: bytes) -> str | None:
    """Return what is equal for equal requests, whatever their ids and their ``_meta``; None for what is no request."""
    try:
        envelope = _ENVELOPE.decode(data)
        params = msgspec.json.decode(envelope.params) if envelope.params else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if envelope.method is None:
        return None
    if isinstance(params, dict):
        params.pop("_meta", None)
    return request_key("POST", f"/{envelope.method}", msgspec.json.encode(params), "application/json")


def is_batch(data: bytes) -> bool:
    """Tell whether a body is a JSON array, which may be a batch of messages."""
    return data.lstrip(b" \t\r\n")[:1] == b"["


def cancelled_id(data: bytes) -> RequestId | None:
    """Return the id of the request that a ``notifications/cancelled`` takes back, or None."""
    try:
        found = msgspec.json.decode(data, type=_Cancelled)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return found.params.requestId


class _CancelledParams(msgspec.Struct):
    requestId: RequestId  # noqa: N815  # The name is the protocol's.


class _Cancelled(msgspec.Struct):
    params: _CancelledParams


def _params(raw: msgspec.Raw) -> _Params:
    try:
        return _PARAMS.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Params()  # None at all, or by position: neither names a tool.


def _texts(meta: object) -> dict[str, str]:
    if not isinstance(meta, dict):
        return {}
    return {key: value for key, value in meta.items() if isinstance(value, str)}
