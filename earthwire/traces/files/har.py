"""Reader of HAR 1.1 and 1.2: browsers, WebPagetest, Polly.JS, mitmproxy, Charles, Insomnia.

One file is one session, its entries in the order of their start. Exporters leave out the body of an event
stream and write ``receive`` 0 for it: its body and its total are unknown then, not empty and not short.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from earthwire.traces._exchange import (
    Exchange,
    Fields,
    exchange_fields,
    first_header,
    nanoseconds_since_epoch,
)
from earthwire.traces.errors import BadLineHandler, TraceFileError, report_bad_line
from earthwire.traces.files._files import Source, line_of, read_whole, source_of
from earthwire.traces.files._har_body import Content, response_body
from earthwire.traces.files._har_timings import Timings, latency_fields
from earthwire.traces.labels.body_class import is_event_stream
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord, record_from_dict
from earthwire.traces.tool_key import PathTemplater

NAME = "HAR 1.2"
CANNOT_TELL: tuple[str, ...] = (
    "Exporters that put all time into `wait` (Polly.JS, Insomnia) give no time to first byte.",
    "Requests that were cancelled, blocked or failed have no status; only the error text tells them apart.",
    "Entries served from a cache have no timing; their latency is missing, not zero.",
    "Streams have no chunk times: gaps between chunks cannot be estimated.",
)

_BOM = b"\xef\xbb\xbf"
_STARTS_LIKE_HAR = re.compile(rb'\s*\{\s*"log"\s*:')
_BYTE_POSITION = re.compile(r"\(byte (\d+)\)")
_FRACTION = re.compile(r"\.(\d+)")
_UNKNOWN_TYPE = "x-unknown"
_STATUS_MIN = 100
_STATUS_MAX = 999


class _NameValue(msgspec.Struct, frozen=True):
    name: str
    value: str | None = None


class _PostData(msgspec.Struct, frozen=True, rename="camel"):
    mime_type: str | None = None
    text: str | None = None


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    method: str
    url: str
    body_size: int | float | None = None
    post_data: _PostData | None = None


class _Response(msgspec.Struct, frozen=True, rename={"body_size": "bodySize", "error": "_error"}):
    status: int | float | None = None
    headers: list[_NameValue] = []
    content: Content = Content()
    body_size: int | float | None = None
    error: object = None


class _Entry(msgspec.Struct, frozen=True, rename={"started": "startedDateTime", "error": "_error"}):
    request: _Request
    response: _Response = _Response()
    started: str | None = None
    time: float | None = None
    timings: Timings | None = None
    error: object = None


class _Creator(msgspec.Struct, frozen=True):
    name: str = "unknown"


class _Log(msgspec.Struct, frozen=True):
    entries: list[msgspec.Raw]
    creator: _Creator = _Creator()


class _Har(msgspec.Struct, frozen=True):
    log: _Log


_HAR_DECODER = msgspec.json.Decoder(_Har)
_ENTRY_DECODER = msgspec.json.Decoder(_Entry)


def recognises(head: bytes) -> bool:
    """Tell by its first bytes whether a file is a HAR."""
    return _STARTS_LIKE_HAR.match(head.removeprefix(_BOM)) is not None or b'"startedDateTime"' in head


def read_har(
    path: Path, options: ReadOptions | None = None, on_bad_line: BadLineHandler | None = None
) -> Iterator[TraceRecord]:
    """Yield the records of a HAR file in the order of their start.

    Args:
        path: the file; a byte order mark and gzip are fine.
        options: what to keep.
        on_bad_line: called with the error of each entry that is left out.

    Raises:
        TraceFileError: if the file is not a HAR or, without `on_bad_line`, at the first bad entry.
    """
    options = options or ReadOptions()
    content = read_whole(path).removeprefix(_BOM)
    log = _decoded_log(path, content)
    source = source_of(path, content)
    templater = PathTemplater(options.templates)
    entries = list(_entries(path, log, on_bad_line))
    entries.sort(key=lambda numbered: _start_ns(numbered[1]) or 0)
    for seq, (index, entry) in enumerate(entries):
        try:
            fields = _entry_fields(entry, options, templater) | _identity(source, log, index, seq)
            record = record_from_dict(fields)
        except ValueError as error:
            report_bad_line(_entry_error(path, index, error), on_bad_line)
            continue
        yield record


def _decoded_log(path: Path, content: bytes) -> _Log:
    try:
        return _HAR_DECODER.decode(content).log
    except msgspec.ValidationError as error:
        raise TraceFileError(
            path, f"not a HAR: {error}; expected an object `log` with a list `entries`"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        position = _BYTE_POSITION.search(str(error))
        line = line_of(content, int(position[1])) if position else line_of(content, len(content))
        problem = f"not JSON: {error}; export the HAR again, it may have been cut short"
        raise TraceFileError(path, problem, line) from error


def _entries(path: Path, log: _Log, on_bad_line: BadLineHandler | None) -> Iterator[tuple[int, _Entry]]:
    for index, raw in enumerate(log.entries):
        try:
            yield index, _ENTRY_DECODER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            report_bad_line(_entry_error(path, index, error), on_bad_line)


def _entry_error(path: Path, index: int, error: Exception) -> TraceFileError:
    problem = f"log.entries[{index}]: {error}"
    bad_entry = TraceFileError(path, problem)
    bad_entry.__cause__ = error
    return bad_entry


def _identity(source: Source, log: _Log, index: int, seq: int) -> Fields:
    return {
        "record_id": source.record_id(index),
        "source_format": f"har1.2/{log.creator.name}",
        "source_ref": f"{source.name}#{index}",
        "session_id": source.session_id,
        "seq": seq,
        "vantage": "client",
    }


def _entry_fields(entry: _Entry, options: ReadOptions, templater: PathTemplater) -> Fields:
    fields = exchange_fields(_exchange(entry), options, templater)
    fields |= latency_fields(entry.time, entry.timings)
    if "http_response_status_code" not in fields:
        fields.pop("ttfb_ns", None)
    if fields.get("stream") and fields.get("body_class") is None and not fields.get("phase_receive_ns"):
        fields.pop("duration_ns", None)
    if fields["outcome"] == "timeout":
        fields |= _censored(fields)
    if (start_ns := _start_ns(entry)) is not None:
        fields["start_time_unix_nano"] = start_ns
        fields["start_time_basis"] = "request_start"
        fields["start_time_resolution_ns"] = _resolution_ns(entry.started or "")
    return fields


def _censored(fields: Fields) -> Fields:
    """A timeout's time is the limit that the client waited for, not a latency."""
    if "duration_ns" not in fields:
        return {"latency_censoring": "right_unknown_limit"}
    return {"latency_censoring": "right", "latency_limit_ns": fields["duration_ns"]}


def _exchange(entry: _Entry) -> Exchange:
    response = entry.response
    headers: dict[str, list[str]] = {}
    for header in response.headers:
        headers.setdefault(header.name.lower(), []).append(header.value or "")
    status = int(response.status or 0)
    mime_type = response.content.mime_type
    post_data = entry.request.post_data
    request_body = post_data.text.encode() if post_data is not None and post_data.text is not None else None
    content_type = first_header(headers, "content-type") or (
        mime_type if mime_type != _UNKNOWN_TYPE else None
    )
    body = response_body(response.content, first_header(headers, "content-encoding"))
    if not body and is_event_stream(content_type):
        body = None
    return Exchange(
        method=entry.request.method,
        url=entry.request.url,
        request_body=request_body,
        request_content_type=post_data.mime_type if post_data is not None else None,
        request_body_size=_size(entry.request.body_size, request_body),
        status=status if _STATUS_MIN <= status <= _STATUS_MAX else None,
        response_headers=headers,
        content_type=content_type or None,
        response_body=body,
        response_body_size=_size(response.body_size or None, body),
        failure=_error_text(response.error or entry.error),
    )


def _error_text(error: object) -> str | None:
    """Return the vendor field ``_error`` as text: a string, or an object with `code` and `message`."""
    if isinstance(error, dict):
        return ": ".join(str(error[name]) for name in ("code", "message") if error.get(name)) or None
    return str(error) if error else None


def _size(stated: float | None, body: bytes | None) -> int | None:
    """Return the size on the wire where it is stated (-1 is unknown), else the size of the body."""
    if stated is not None and stated >= 0:
        return int(stated)
    return None if body is None else len(body)


def _start_ns(entry: _Entry) -> int | None:
    """Return the start, or None where it is absent, not a date or in an unknown time zone."""
    if entry.started is None:
        return None
    try:
        moment = datetime.fromisoformat(entry.started)
    except ValueError:
        return None
    return None if moment.tzinfo is None else max(0, nanoseconds_since_epoch(moment))


def _resolution_ns(started: str) -> int:
    fraction = _FRACTION.search(started)
    return 10 ** (9 - min(len(fraction[1]), 6)) if fraction else 10**9
