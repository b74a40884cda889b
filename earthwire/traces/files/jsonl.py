"""earthwire's interchange format: JSON lines, plain or gzip.

The first line is a header with format name and version, every further line is one record. Every error names
the line.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from earthwire.traces.errors import BadLineHandler, TraceFileError, report_bad_line
from earthwire.traces.files._files import DAMAGED_GZIP_ERRORS, open_binary
from earthwire.traces.record import TraceRecord, explain

NAME = "earthwire JSONL"
CANNOT_TELL: tuple[str, ...] = ()
FORMAT_NAME = "earthwire-traces"
FORMAT_VERSION = 1
LINE_BYTES_MAX = 64 * 1024 * 1024

_SHOWN_BYTES_MAX = 60
_HEADER_START = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"(format|version)"\s*:[^\n]*\}')
_RECORD_START = re.compile(rb'(\xef\xbb\xbf)?\s*\{[^\n]*"tool"\s*:')
_RECORD_DECODER = msgspec.json.Decoder(TraceRecord)


class Header(msgspec.Struct, frozen=True):
    """The first line of a file."""

    format: str
    version: int


def header_line() -> bytes:
    """Return the header that this version writes."""
    return msgspec.json.encode(Header(FORMAT_NAME, FORMAT_VERSION)) + b"\n"


def recognises(head: bytes) -> bool:
    """Tell by its first bytes whether a file is, or is meant to be, a trace file."""
    return _HEADER_START.match(head) is not None or _RECORD_START.match(head) is not None


def read_jsonl(path: Path, on_bad_line: BadLineHandler | None = None) -> Iterator[TraceRecord]:
    """Yield the records of a file, in order, in bounded memory.

    Args:
        path: a ``.jsonl`` or ``.jsonl.gz`` file; gzip is recognised by content.
        on_bad_line: called with the error of each line that is left out. A bad header is never left out.

    Raises:
        TraceFileError: at the first bad line, if there is no `on_bad_line`.
    """
    with open_binary(path) as file:
        check_header(path, file.readline(LINE_BYTES_MAX))
        yield from _read_records(path, file, on_bad_line)


def check_header(path: Path, line: bytes) -> None:
    """Raise `TraceFileError` unless the line is a header that this version reads."""
    expected = header_line().decode().rstrip()
    try:
        # Some editors put a byte order mark first.
        header = msgspec.json.decode(line.removeprefix(BOM_UTF8), type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = f"no header, found {_shown(line)}; the first line of a trace file is {expected}"
        raise TraceFileError(path, problem, 1) from error
    if header.format != FORMAT_NAME:
        raise TraceFileError(path, f'the header names the format "{header.format}"; expected {expected}', 1)
    if header.version > FORMAT_VERSION:
        problem = (
            f"version {header.version} is newer than {FORMAT_VERSION}, the last known; upgrade earthwire"
        )
        raise TraceFileError(path, problem, 1)
    if header.version < 1:
        raise TraceFileError(path, f"version {header.version} does not exist; expected {expected}", 1)


def decode_record(line: bytes) -> TraceRecord:
    """Decode one line.

    Raises:
        ValueError: with a text that names the field, the value and what is allowed, but not the place.
    """
    try:
        return _RECORD_DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise ValueError(_explained(error, line)) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte 0x{error.object[error.start]:02x}); traces are UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not one JSON object ({error}), found {_shown(line)}") from error


def _read_records(path: Path, file: BinaryIO, on_bad_line: BadLineHandler | None) -> Iterator[TraceRecord]:
    intact_count = 0
    for number, line in _numbered_lines(path, file, on_bad_line):
        if not line.strip():
            continue
        try:
            record = decode_record(line)
        except ValueError as error:
            problem = str(error) if line.endswith(b"\n") else _cut_short(intact_count)
            bad_line = TraceFileError(path, problem, number)
            bad_line.__cause__ = error
            report_bad_line(bad_line, on_bad_line)
            continue
        intact_count += 1
        yield record


def _numbered_lines(
    path: Path, file: BinaryIO, on_bad_line: BadLineHandler | None
) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, line); lines over the bound and a damaged end are reported."""
    number = 1
    while True:
        number += 1
        try:
            line = file.readline(LINE_BYTES_MAX + 1)
        except DAMAGED_GZIP_ERRORS as error:
            problem = f"the gzip data end here ({error})"
            bad_line = TraceFileError(path, problem, number)
            bad_line.__cause__ = error
            report_bad_line(bad_line, on_bad_line)
            return
        if not line:
            return
        if len(line) > LINE_BYTES_MAX:
            problem = f"a line of more than {LINE_BYTES_MAX} bytes"
            report_bad_line(TraceFileError(path, problem, number), on_bad_line)
            _skip_to_line_end(file, line)
            continue
        yield number, line


def _skip_to_line_end(file: BinaryIO, piece: bytes) -> None:
    while piece and not piece.endswith(b"\n"):
        piece = file.readline(LINE_BYTES_MAX)


def _cut_short(intact_count: int) -> str:
    return f"the record is cut short, as by a crash; the {intact_count} records before it are intact"


def _explained(error: msgspec.ValidationError, line: bytes) -> str:
    value = msgspec.json.decode(line)
    return explain(str(error), value) if isinstance(value, dict) else f"not an object: {error}"


def _shown(line: bytes) -> str:
    if not line:
        return "an empty file"
    text = line[:_SHOWN_BYTES_MAX].decode("utf-8", "replace").strip()
    return repr(text) + ("…" if len(line) > _SHOWN_BYTES_MAX else "")
