"""All formats that traces are read from, in the order they are tried, and the one way to read any of them.

A format is recognised by content, never by file name. Adding one is one module and one line in `FORMATS`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from earthwire.traces.errors import BadLineHandler, TraceFileError
from earthwire.traces.files import govcr, har, jsonl, otlp, parquet
from earthwire.traces.files._files import read_head
from earthwire.traces.files.folder_files import files_below
from earthwire.traces.files.shards import with_shards
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord

Reader = Callable[[Path, ReadOptions, BadLineHandler | None], Iterator[TraceRecord]]

_START_BYTES = 40


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: what users call it.
        calls: what in it is a call.
        cannot_tell: sentences on what this source cannot estimate.
        recognises: tells by the first bytes of a file, decompressed.
        read: yields the records of a file.
    """

    name: str
    calls: str
    cannot_tell: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    read: Reader


def _read_jsonl(path: Path, _: ReadOptions, on_bad_line: BadLineHandler | None) -> Iterator[TraceRecord]:
    return jsonl.read_jsonl(path, on_bad_line)


def _read_parquet(path: Path, _: ReadOptions, on_bad_line: BadLineHandler | None) -> Iterator[TraceRecord]:
    return parquet.read_parquet(path, on_bad_line)


FORMATS: tuple[Format, ...] = (
    Format(parquet.NAME, "rows", parquet.CANNOT_TELL, parquet.recognises, _read_parquet),
    Format(har.NAME, "entries", har.CANNOT_TELL, har.recognises, har.read_har),
    Format(otlp.NAME, otlp.CALLS, otlp.CANNOT_TELL, otlp.recognises, otlp.read_otlp),
    Format(govcr.NAME, "interactions", govcr.CANNOT_TELL, govcr.recognises, govcr.read_govcr),
    Format(jsonl.NAME, "lines behind the header", jsonl.CANNOT_TELL, jsonl.recognises, _read_jsonl),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found under the given paths.

    Attributes:
        files: each trace file with its format.
        ignored: files in a directory that are in no known format.
        hidden_count: files and folders in a directory that were not looked at, as their names begin with a dot.
    """

    files: tuple[tuple[Path, Format], ...]
    ignored: tuple[Path, ...]
    hidden_count: int = 0


def sniff(path: Path) -> Format:
    """Return the format of a file.

    Raises:
        TraceFileError: if it cannot be read, is empty, or is in no known format.
    """
    head = read_head(path)
    for known in FORMATS:
        if known.recognises(head):
            return known
    names = ", ".join(known.name for known in FORMATS)
    raise TraceFileError(path, f"{_foreign(head)}; known formats: {names}")


def _foreign(head: bytes) -> str:
    if not head:
        return "an empty file"
    # Only an error needs it: the command line starts without.
    from earthwire.traces.files.foreign import foreign_format

    if (foreign := foreign_format(head)) is not None:
        return f"format not recognised: it looks like {foreign.name}; {foreign.way_out}"
    # A character may be cut in two at the end.
    start = head[:_START_BYTES].decode(errors="ignore")
    is_text = len(start.encode()) > min(len(head), _START_BYTES) - 4 and start.replace("\n", "").isprintable()
    if not is_text:
        return f"format not recognised; it is binary and starts with the bytes {head[:8].hex(' ')}"
    return f"format not recognised; it starts with {start!r}"


def find_sources(paths: Iterable[Path], tell: Callable[[str], None] | None = None) -> Sources:
    """Find the trace files: a directory is every file in it and below that is not hidden, in order of name.

    A file is itself, with what the workers of a proxy recorded beside it (`earthwire.traces.files.shards`).

    Args:
        paths: files and directories.
        tell: is told what is being looked at, for as long as it takes.

    Raises:
        TraceFileError: if a file is in no known format, or a directory holds no trace file or too many files.
    """
    files: list[tuple[Path, Format]] = []
    ignored: list[Path] = []
    hidden_count = 0
    for path in paths:
        if not path.is_dir():
            files += [(part, sniff(part)) for part in with_shards(path)]
            continue
        found = _sources_in(path, tell or _say_nothing)
        files += found.files
        ignored += found.ignored
        hidden_count += found.hidden_count
    return Sources(tuple(files), tuple(ignored), hidden_count)


def read_traces(
    path: Path, options: ReadOptions | None = None, on_bad_line: BadLineHandler | None = None
) -> Iterator[TraceRecord]:
    """Yield the records of one file in any known format.

    Args:
        path: the file; gzip is recognised by content.
        options: what to keep.
        on_bad_line: called with the error of each record that is left out; without it the first one is
            raised.

    Raises:
        TraceFileError: if the file, or a record in it, cannot be read.
    """
    return sniff(path).read(path, options or ReadOptions(), on_bad_line)


def read_all(
    paths: Iterable[Path], options: ReadOptions | None = None, on_bad_line: BadLineHandler | None = None
) -> Iterator[TraceRecord]:
    """Yield the records of files and directories, one file after the other; see `read_traces`."""
    yield from read_sources(find_sources(paths), options, on_bad_line)


def read_sources(
    sources: Sources, options: ReadOptions | None = None, on_bad_line: BadLineHandler | None = None
) -> Iterator[TraceRecord]:
    """Yield the records of the files that were found, one file after the other; see `read_traces`."""
    for path, source_format in sources.files:
        yield from source_format.read(path, options or ReadOptions(), on_bad_line)


def _sources_in(directory: Path, tell: Callable[[str], None]) -> Sources:
    below = files_below(directory, tell)
    found: list[tuple[Path, Format]] = []
    foreign: list[Path] = []
    for i, path in enumerate(below.files):
        tell(f"looking for traces: file {i + 1:,} of {len(below.files):,}")
        try:
            # Files of the kernel say that they are empty, and reading some of them never ends.
            if path.stat().st_size == 0:
                raise TraceFileError(path, "an empty file")
            found.append((path, sniff(path)))
        except (OSError, TraceFileError):
            foreign.append(path)
    if not found:
        raise TraceFileError(
            directory,
            f"no trace file in this directory ({len(foreign)} other files, {below.hidden_count} hidden files or "
            "folders)",
        )
    return Sources(tuple(found), tuple(foreign), below.hidden_count)


def _say_nothing(_: str) -> None:
    """Let nobody know."""
