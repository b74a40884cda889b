"""Adds what only opt-in recording keeps: the URL, headers and bodies, all redacted, and the request key."""

import base64
import zlib

import msgspec

from earthwire.proxy.performing.perform import Performance
from earthwire.proxy.wire.headers import as_mapping, first_value
from earthwire.traces.labels.body_class import classify_body
from earthwire.traces.record import TraceRecord
from earthwire.traces.redaction import redact_body, redact_headers, redact_url
from earthwire.traces.request_key import request_key

_AUTOMATIC_WINDOW_BITS = zlib.MAX_WBITS | 32
_REQUEST_BODY_ATTRIBUTE = "http.request.body"
_NOT_KEPT = ("content-length", "content-encoding")


def with_bodies(record: TraceRecord, performance: Performance, bytes_max: int) -> TraceRecord:
    """Return the record with redacted URL, request key, response headers and response body.

    A body under gzip or deflate is kept decoded; under another coding it is kept as it is, in base64. The request
    key is None where the request body is longer than `bytes_max`.

    Args:
        record: of the call.
        performance: what was performed.
        bytes_max: bound on a body that is kept.
    """
    context, head, writer = performance.context, performance.head, performance.writer
    request = context.request
    content_type = first_value(request.headers.fields, b"content-type")
    body = request.body.kept()
    key = None if body is None else request_key(request.line.method, context.target, body, content_type)
    attributes = record.attributes
    if body:
        text, _ = _as_text(body, content_type, is_decoded=True)
        conditions = msgspec.json.decode(attributes, type=dict[str, object]) if attributes else {}
        attributes = msgspec.json.encode({**conditions, _REQUEST_BODY_ATTRIBUTE: text}).decode()
    record = msgspec.structs.replace(
        record,
        attributes=attributes,
        url_full=redact_url(f"http://{context.route.source.server_address or 'upstream'}{context.target}"),
        request_key=key,
    )
    if writer.status is None or head is None or record.origin != "upstream":
        return record
    headers = {name: values for name, values in as_mapping(head.fields).items() if name not in _NOT_KEPT}
    whole = writer.kept_body()
    decoded = _decoded(whole, head.content_encoding, bytes_max)
    is_cut = writer.body_bytes > bytes_max or record.response_body_truncated
    text, encoding = _as_text(whole if decoded is None else decoded, writer.content_type, decoded is not None)
    return msgspec.structs.replace(
        record,
        http_response_header=redact_headers(headers),
        response_body=text,
        response_body_encoding=encoding,
        response_body_truncated=is_cut or None,
        body_class=record.body_class if decoded is None else classify_body(decoded, writer.content_type),
    )


def _decoded(data: bytes, content_encoding: bytes | None, bytes_max: int) -> bytes | None:
    """Return bytes without their content coding; None if that is not possible within the bound."""
    if content_encoding is None or content_encoding.lower() == b"identity":
        return data
    if content_encoding.lower() not in (b"gzip", b"x-gzip", b"deflate"):
        return None
    decoder = zlib.decompressobj(_AUTOMATIC_WINDOW_BITS)
    try:
        decoded = decoder.decompress(data, bytes_max)
    except zlib.error:
        return None
    return decoded if decoder.eof else None


def _as_text(data: bytes, content_type: str | None, is_decoded: bool) -> tuple[str, str]:
    if is_decoded:
        try:
            return redact_body(data.decode("utf-8"), content_type), "utf-8"
        except UnicodeDecodeError:
            pass  # Binary content has no text to redact.
    return base64.b64encode(data).decode("ascii"), "base64"
