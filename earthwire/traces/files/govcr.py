"""Reader of go-vcr cassettes, format 1 and 2 (YAML), as written by Terraform providers and CLIs.

One cassette is one session of calls, one after the other. Its ``duration`` is the time of the round trip:
until the response headers, so it is `ttfb_ns`, and the total is unknown. A duration of exactly one
millisecond is what the usual scrubbing hook writes over every duration; no clock measures it, so it is stored
as missing.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from earthwire.traces._exchange import (
    NANOSECONDS_PER_SECOND,
    Exchange,
    Fields,
    exchange_fields,
    first_header,
    http_date,
    nanoseconds_since_epoch,
)
from earthwire.traces.errors import BadLineHandler, TraceFileError, report_bad_line
from earthwire.traces.files._files import Source, read_whole, source_of
from earthwire.traces.files._go_duration import go_duration_ns
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord, record_from_dict
from earthwire.traces.tool_key import PathTemplater

NAME = "go-vcr cassette"
CANNOT_TELL: tuple[str, ...] = (
    "Calls whose round trip failed are never written: no transport errors and no timeouts here.",
    "The duration ends at the response headers: no time to the last byte.",
    "Durations of exactly 1 ms are a scrubbing hook's and are stored as missing; format 1 has none at all.",
    "The start is the Date header of the response, in steps of 1 s; without one only the order is known.",
    "Recorded by tests: many 404 are the expected end of a poll, faults were often staged.",
)

SCRUBBED_DURATION_NS = 1_000_000

_HEADER_LINE = re.compile(rb"^version:\s*\d+\s*$", re.MULTILINE)
_INTERACTIONS_LINE = re.compile(rb"^interactions:", re.MULTILINE)
_VERSIONS = (1, 2)

_Headers = dict[str, list[str] | str | None] | None


class _Request(msgspec.Struct, frozen=True):
    method: str
    url: str
    body: object = None
    headers: _Headers = None


class _Response(msgspec.Struct, frozen=True):
    code: int
    body: object = None
    headers: _Headers = None
    duration: str | int | None = None


class _Interaction(msgspec.Struct, frozen=True):
    request: _Request
    response: _Response


class _Cassette(msgspec.Struct, frozen=True):
    version: int
    interactions: list[dict[str, object]] | None = None


def recognises(head: bytes) -> bool:
    """Tell by its first bytes whether a file is a cassette: the version stands before the interactions."""
    version, interactions = _HEADER_LINE.search(head), _INTERACTIONS_LINE.search(head)
    return version is not None and interactions is not None and version.start() < interactions.start()


def read_govcr(
    path: Path, options: ReadOptions | None = None, on_bad_line: BadLineHandler | None = None
) -> Iterator[TraceRecord]:
    """Yield the records of a cassette, in order.

    Args:
        path: the cassette.
        options: what to keep.
        on_bad_line: called with the error of each interaction that is left out.

    Raises:
        TraceFileError: if the file is not a cassette or, without `on_bad_line`, at the first bad interaction.
    """
    options = options or ReadOptions()
    content = read_whole(path)
    cassette = _decoded(path, content)
    source = source_of(path, content)
    templater = PathTemplater(options.templates)
    for index, raw in enumerate(cassette.interactions or ()):
        try:
            interaction = msgspec.convert(raw, _Interaction)
            fields = exchange_fields(_exchange(interaction), options, templater)
            fields |= _time_fields(interaction.response) | _identity(source, cassette.version, index)
            record = record_from_dict(fields)
        except ValueError as error:
            problem = f"interactions[{index}]: {error}"
            bad_interaction = TraceFileError(path, problem)
            bad_interaction.__cause__ = error
            report_bad_line(bad_interaction, on_bad_line)
            continue
        yield record


def _decoded(path: Path, content: bytes) -> _Cassette:
    try:
        cassette = msgspec.convert(yaml.load(content, Loader=_StringLoader), _Cassette)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        raise TraceFileError(path, f"not YAML: {error.problem}; record the cassette again", line) from error
    except yaml.YAMLError as error:
        raise TraceFileError(path, f"not YAML: {error}; record the cassette again") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise TraceFileError(path, f"not a go-vcr cassette: {error}") from error
    if cassette.version not in _VERSIONS:
        problem = (
            f"cassette version {cassette.version} is not known; known are {', '.join(map(str, _VERSIONS))}"
        )
        raise TraceFileError(path, problem)
    return cassette


class _StringLoader(yaml.CSafeLoader):
    """The safe loader, except that dates stay text: header values and bodies are never dates to us."""


_StringLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _exchange(interaction: _Interaction) -> Exchange:
    request, response = interaction.request, interaction.response
    headers = _headers(response.headers)
    request_body, response_body = _bytes(request.body), _bytes(response.body)
    return Exchange(
        method=request.method or "GET",
        url=request.url,
        request_body=request_body,
        request_content_type=first_header(_headers(request.headers), "content-type"),
        request_body_size=len(request_body),
        status=response.code,
        response_headers=headers,
        content_type=first_header(headers, "content-type"),
        response_body=response_body,
        response_body_size=len(response_body),
    )


def _headers(headers: _Headers) -> dict[str, list[str]]:
    lower: dict[str, list[str]] = {}
    for name, values in (headers or {}).items():
        lower[name.lower()] = [values] if isinstance(values, str) else list(values or ())
    return lower


def _bytes(body: object) -> bytes:
    """Return a body as bytes: YAML gives text, bytes for ``!!binary``, or nothing."""
    match body:
        case str():
            return body.encode("utf-8", "surrogatepass")
        case bytes():
            return body
        case None:
            return b""
    raise ValueError(f"a body is text or !!binary, found {type(body).__name__}")


def _time_fields(response: _Response) -> Fields:
    fields: Fields = {"latency_censoring": "missing"}
    # A bare number is Go's own count of nanoseconds; an empty string is what format 1 writes.
    duration_ns = (
        response.duration if isinstance(response.duration, int) else go_duration_ns(response.duration or "0")
    )
    if duration_ns not in (0, SCRUBBED_DURATION_NS):
        fields |= {"ttfb_ns": duration_ns, "latency_censoring": "none"}
    date = http_date(first_header(_headers(response.headers), "date"))
    if date is not None:
        fields["start_time_unix_nano"] = nanoseconds_since_epoch(date)
        fields["start_time_basis"] = "response_date_header"
        fields["start_time_resolution_ns"] = NANOSECONDS_PER_SECOND
    return fields


def _identity(source: Source, version: int, index: int) -> Fields:
    return {
        "record_id": source.record_id(index),
        "source_format": f"govcr.v{version}",
        "source_ref": f"{source.name}#{index}",
        "session_id": source.session_id,
        "seq": index,
        "vantage": "client",
        "sampling": "test_recording_head",
    }
