"""Reader of OpenTelemetry traces in OTLP JSON: a whole export request, or one a line as the collector writes
it.

Three kinds of span are tool calls: HTTP client spans, MCP spans, and tools that an agent executed (``execute_tool`` of
GenAI, kind ``TOOL`` of OpenInference, ``tool`` of OpenLLMetry). Everything else is left out. What Tempo and Jaeger
answer, with ``batches``, inside ``trace`` or inside ``result``, is read like an export. Attribute names follow the
current semantic conventions; the HTTP names before 1.23 are read as well. Spans that `write_otlp` made give the records
back that they were made of.
"""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec

from earthwire.traces.errors import BadLineHandler, TraceFileError, report_bad_line
from earthwire.traces.files._files import line_of, read_whole, source_of
from earthwire.traces.files._otlp_span import ExportRequest, decode_span, is_tool_call, span_fields
from earthwire.traces.files.otlp_record import own_fields
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord, record_from_dict
from earthwire.traces.tool_key import PathTemplater

NAME = "OTLP JSON traces"
CALLS = "HTTP client spans, MCP spans, and spans of tools that an agent executed (execute_tool)"
CANNOT_TELL: tuple[str, ...] = (
    "A span has one duration: no time to first byte, no phases, no chunk times.",
    "Sampled traces miss rare faults; tail sampling that prefers errors shows too many; spans do not say.",
    "Without the response body a wrong payload in a successful call is not visible.",
    "A call traced at several levels (execute_tool, MCP, HTTP) gives a record per level: see parent_span_id.",
)

_BYTE_POSITION = re.compile(r"\(byte (\d+)\)")
_STARTS_LIKE_TEMPO = re.compile(rb'\s*\{\s*"batches"\s*:\s*\[\s*\{\s*"(resource|scopeSpans)"')
_DECODER = msgspec.json.Decoder(ExportRequest)


def recognises(head: bytes) -> bool:
    """Tell by its first bytes whether a file holds OTLP traces."""
    return (
        b'"resourceSpans"' in head
        or b'"resource_spans"' in head
        or _STARTS_LIKE_TEMPO.match(head) is not None
    )


def read_otlp(
    path: Path, options: ReadOptions | None = None, on_bad_line: BadLineHandler | None = None
) -> Iterator[TraceRecord]:
    """Yield the records of the spans that are tool calls, in file order; `seq` is left to the start time.

    Args:
        path: the file.
        options: what to keep.
        on_bad_line: called with the error of each line or span that is left out.

    Raises:
        TraceFileError: if the file is not OTLP JSON or, without `on_bad_line`, at the first bad line or span.
    """
    options = options or ReadOptions()
    content = read_whole(path)
    source = source_of(path, content)
    templater = PathTemplater(options.templates)
    index = count()
    for request in _requests(path, content, on_bad_line):
        for resource, raw in request.spans():
            position = next(index)
            try:
                span = decode_span(raw)
                fields = own_fields(span)
                if fields is None:
                    if not is_tool_call(span):
                        continue
                    fields = span_fields(span, resource, options, templater)
                    fields["record_id"] = source.record_id(position)
                    fields["source_ref"] = f"{source.name}#{position}"
                record = record_from_dict(fields)
            except ValueError as error:
                bad_span = TraceFileError(path, f"span {position}: {error}")
                bad_span.__cause__ = error
                report_bad_line(bad_span, on_bad_line)
                continue
            yield record


def _requests(path: Path, content: bytes, on_bad_line: BadLineHandler | None) -> Iterator[ExportRequest]:
    try:
        yield _DECODER.decode(content)
        return
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        lines = content.splitlines()
        is_lines = len(lines) > 1 and lines[0].rstrip().endswith(b"}")
        if not is_lines:
            raise _not_otlp(path, content, error) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            bad_line = TraceFileError(path, f"not OTLP JSON: {error}", number)
            bad_line.__cause__ = error
            report_bad_line(bad_line, on_bad_line)


def _not_otlp(path: Path, content: bytes, error: Exception) -> TraceFileError:
    position = _BYTE_POSITION.search(str(error))
    line = line_of(content, int(position[1])) if position else None
    return TraceFileError(path, f"not OTLP JSON: {error}; expected an object with `resourceSpans`", line)
