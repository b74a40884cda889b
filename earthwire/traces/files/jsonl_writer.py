"""Writing earthwire's interchange format.

Rules:

1. A file never exists without its whole header: it is created under another name and renamed (`whole_file`).
2. Appending checks the header first and never glues a record to half a line. A last line that was cut short
   is moved to ``<file>.cut`` and reported: nothing is lost, nothing is repaired silently.
3. A gzip file is appended to as a further gzip member. A damaged one is moved to ``<file>.cut`` as it is, and
   the records that can be read are written anew.
"""

import gzip
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import msgspec

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files._files import DAMAGED_GZIP_ERRORS, open_binary
from earthwire.traces.files.jsonl import LINE_BYTES_MAX, check_header, decode_record, header_line
from earthwire.traces.files.whole_file import whole_file
from earthwire.traces.record import TraceRecord

WarningHandler = Callable[[str], None]

_TAIL_BLOCK_BYTES = 1 << 16


class JsonlWriter:
    """Writes records to a ``.jsonl`` file, or through gzip to a ``.gz`` file. Use it as a context manager."""

    def __init__(self, path: Path, append: bool = False, on_warning: WarningHandler | None = None) -> None:
        """Create the file, or open an existing one for appending.

        Args:
            path: file to write; the suffix ``.gz`` compresses.
            append: keep what is there. Without it an existing file is replaced.
            on_warning: called with a text where a cut record was moved aside.

        Raises:
            TraceFileError: if the file cannot be written, or is appended to and is not a trace file.
        """
        self.path = path
        self._encoder = msgspec.json.Encoder()
        try:
            if append and path.is_file() and path.stat().st_size > 0:
                _make_appendable(path, on_warning)
            else:
                _create(path, [header_line()])
            self._file = _open_append(path)
        except OSError as error:
            raise TraceFileError(path, f"cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, record: TraceRecord) -> None:
        """Write one record. It reaches the disk at the latest with `flush` or `close`."""
        self._file.write(self._encoder.encode(record) + b"\n")

    def flush(self) -> None:
        """Hand what is written to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        self._file.close()


def write_jsonl(records: Iterable[TraceRecord], path: Path) -> int:
    """Write records to a file of their own; it appears whole or not at all. The suffix ``.gz`` compresses.

    Returns:
        The number of records written.

    Raises:
        TraceFileError: if the file cannot be written.
    """
    count = 0
    try:
        with whole_file(path) as partial:
            try:
                with JsonlWriter(partial) as writer:
                    for record in records:
                        writer.write(record)
                        count += 1
            except TraceFileError as error:
                if error.path != partial:
                    raise  # A record could not be read.
                raise TraceFileError(path, error.problem) from error
    except OSError as error:
        raise TraceFileError(path, f"cannot be written: {error.strerror or error}") from error
    return count


def _open_append(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, io.BufferedWriter(gzip.GzipFile(path, "ab")))
    return path.open("ab")


def _create(path: Path, lines: list[bytes]) -> None:
    """Write lines under another name, then rename: the file appears whole or not at all."""
    content = b"".join(lines)
    with whole_file(path) as partial:
        partial.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def _make_appendable(path: Path, on_warning: WarningHandler | None) -> None:
    if path.suffix == ".gz":
        _make_gzip_appendable(path, on_warning)
        return
    with open_binary(path) as file:
        check_header(path, file.readline(LINE_BYTES_MAX))
    tail = _unended_line(path)
    if not tail:
        return
    if _is_record(tail) or tail == header_line().rstrip(b"\n"):
        with path.open("ab") as whole:
            whole.write(b"\n")
        return
    side = path.with_name(path.name + ".cut")
    with side.open("ab") as cut:
        cut.write(tail + b"\n")
    os.truncate(path, path.stat().st_size - len(tail))
    _warn(on_warning, f"{path}: the last record was cut short; its {len(tail)} bytes were moved to {side}")


def _make_gzip_appendable(path: Path, on_warning: WarningHandler | None) -> None:
    lines: list[bytes] = []
    damage = ""
    with open_binary(path) as file:
        try:
            lines.extend(file)
        except DAMAGED_GZIP_ERRORS as error:
            damage = str(error)
    check_header(path, lines[0] if lines else b"")
    if lines[-1].endswith(b"\n") and not damage:
        return
    if not lines[-1].endswith(b"\n") and not _is_record(lines[-1]):
        lines.pop()
    side = _free_name(path)
    path.replace(side)
    _create(path, [line.rstrip(b"\n") + b"\n" for line in lines])
    reason = damage or "the last record was cut short"
    _warn(on_warning, f"{path}: {reason}; moved to {side}, {len(lines) - 1} whole records written anew")


def _unended_line(path: Path) -> bytes:
    """Return what follows the last line end; empty where the file ends with one."""
    tail = b""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position > 0 and b"\n" not in tail:
            start = max(0, position - _TAIL_BLOCK_BYTES)
            file.seek(start)
            tail = file.read(position - start) + tail
            position = start
    return tail.rpartition(b"\n")[2]


def _is_record(line: bytes) -> bool:
    try:
        decode_record(line)
    except ValueError:
        return False
    return True


def _free_name(path: Path) -> Path:
    """Return ``<file>.cut``, or ``<file>.cut.2`` and so on where it is taken."""
    side = path.with_name(path.name + ".cut")
    count = 1
    while side.exists():
        count += 1
        side = path.with_name(f"{path.name}.cut.{count}")
    return side


def _warn(on_warning: WarningHandler | None, text: str) -> None:
    if on_warning is not None:
        on_warning(text)
