"""From one HTTP exchange, as a source tells it, to the fields of a trace record: keys, sizes, classes,
redaction.

Every reader of HTTP traffic goes through here, so that the same call has the same tool and request key
whatever format it was recorded in. Secrets are removed here, before a record exists.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from earthwire.traces._secrets import redact_text
from earthwire.traces.labels.body_class import classify_body, is_event_stream
from earthwire.traces.labels.http_outcome import failure_outcome, http_outcome
from earthwire.traces.labels.in_band import in_band_error
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import BodyClass, Outcome
from earthwire.traces.redaction import (
    BODY_CHARACTERS_MAX,
    redact_body,
    redact_headers,
    redact_url,
)
from earthwire.traces.request_key import request_key
from earthwire.traces.tool_key import PathTemplater, tool_key

NANOSECONDS_PER_SECOND = 1_000_000_000
REQUEST_BODY_ATTRIBUTE = "http.request.body"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Fields = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP exchange before redaction. None is what the source does not tell.

    Attributes:
        response_headers: lower-case name to values.
        response_body: complete body after content decoding; None where unknown or cut by the source.
        failure: error text of an exchange without a response.
    """

    method: str
    url: str
    request_body: bytes | None = None
    request_content_type: str | None = None
    request_body_size: int | None = None
    status: int | None = None
    response_headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    content_type: str | None = None
    response_body: bytes | None = None
    response_body_size: int | None = None
    failure: str | None = None


def exchange_fields(exchange: Exchange, options: ReadOptions, templater: PathTemplater) -> Fields:
    """Return the fields of the groups call, result and payload.

    Raises:
        ValueError: if the URL cannot be taken apart.
    """
    parts = _split(exchange.url)
    template = templater.template(parts.path or "/", parts.hostname or "")
    fields: Fields = {
        "tool": tool_key(exchange.method, _host(parts), template),
        "http_request_method": exchange.method.upper(),
        "server_address": parts.hostname,
        "server_port": parts.port or _DEFAULT_PORTS.get(parts.scheme),
        "url_template": template,
        "request_key": request_key(
            exchange.method, exchange.url, exchange.request_body, exchange.request_content_type
        ),
        "http_request_body_size": exchange.request_body_size,
    }
    if options.keep_urls:
        fields["url_full"] = redact_url(exchange.url)
    fields |= _result_fields(exchange)
    if options.in_band_errors and fields["outcome"] == "ok" and exchange.response_body is not None:
        fields |= _in_band_fields(exchange.response_body)
    return fields | _kept_fields(exchange, options)


def first_header(headers: Mapping[str, Sequence[str]], name: str) -> str | None:
    """Return the first value of a header, or None."""
    values = headers.get(name)
    return values[0] if values else None


def nanoseconds_since_epoch(moment: datetime) -> int:
    """Return a time as integer nanoseconds since 1970, exact to the microsecond."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def http_date(text: str | None) -> datetime | None:
    """Parse the value of a Date header; None where it is absent or not a date."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"URL {redact_url(url)!r} cannot be taken apart: {error}") from error
    if not parts.hostname:
        raise ValueError(f"URL {redact_url(url)!r} has no host; expected an absolute URL")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"


def _result_fields(exchange: Exchange) -> Fields:
    if exchange.status is None:
        return {
            "outcome": failure_outcome(exchange.failure),
            "error_type": "_OTHER",
            "error_message": redact_text(exchange.failure) if exchange.failure else None,
        }
    body_class = _body_class(exchange)
    outcome: Outcome = http_outcome(
        exchange.status, exchange.content_type, exchange.response_body, body_class
    )
    headers = exchange.response_headers
    declared = first_header(headers, "content-length")
    return {
        "outcome": outcome,
        "http_response_status_code": exchange.status,
        "error_type": str(exchange.status) if outcome == "http_error" else None,
        "retry_after_s": _retry_after_s(headers),
        "http_response_body_size": exchange.response_body_size,
        "declared_content_length": int(declared) if declared and declared.strip().isdecimal() else None,
        "content_type": exchange.content_type,
        "stream": True if is_event_stream(exchange.content_type) else None,
        "body_class": body_class,
        "response_body_sha256": _sha256(exchange.response_body),
    }


def _in_band_fields(body: bytes) -> Fields:
    found = in_band_error(body)
    return {} if found is None else {"outcome": found.outcome, "rpc_response_status_code": found.rpc_code}


def _body_class(exchange: Exchange) -> BodyClass | None:
    if exchange.response_body is None:
        return None
    return classify_body(exchange.response_body, exchange.content_type)


def _sha256(body: bytes | None) -> str | None:
    return None if body is None else hashlib.sha256(body).hexdigest()


def _retry_after_s(headers: Mapping[str, Sequence[str]]) -> float | None:
    """Return Retry-After in seconds; a date counts from the response's own Date header."""
    text = first_header(headers, "retry-after")
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    until, now = http_date(text), http_date(first_header(headers, "date"))
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _kept_fields(exchange: Exchange, options: ReadOptions) -> Fields:
    if not options.keep_bodies:
        return {}
    fields: Fields = {"http_response_header": redact_headers(exchange.response_headers)}
    if exchange.response_body is not None:
        fields |= _body_fields(exchange.response_body, exchange.content_type)
    if exchange.request_body:
        text = exchange.request_body.decode("utf-8", "replace")
        kept = redact_body(text, exchange.request_content_type)
        fields["attributes"] = json.dumps({REQUEST_BODY_ATTRIBUTE: kept}, ensure_ascii=False)
    return fields


def _body_fields(body: bytes, content_type: str | None) -> Fields:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return {
            "response_body": base64.b64encode(body[:BODY_CHARACTERS_MAX]).decode("ascii"),
            "response_body_encoding": "base64",
            "response_body_truncated": len(body) > BODY_CHARACTERS_MAX,
        }
    return {
        "response_body": redact_body(text, content_type),
        "response_body_encoding": "utf-8",
        "response_body_truncated": len(text) > BODY_CHARACTERS_MAX,
    }
