"""Reads traces for the commands that fit or score: columns, recorded payloads, and where they came from."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from earthwire.cli.console import LateStatus, fail, messages
from earthwire.fault_models.profile import Provenance, Source
from earthwire.grounding.fits.payloads import PayloadBank
from earthwire.grounding.gap.lag import LagReport, LagTally
from earthwire.grounding.gap.upstream_own import UpstreamReport, UpstreamTally
from earthwire.traces.columns.calls import Calls, calls_from_records
from earthwire.traces.errors import BadLineHandler, TraceFileError
from earthwire.traces.files.formats import find_sources
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord


@dataclass(frozen=True, slots=True)
class LoadedTraces:
    """What was read.

    Attributes:
        calls: all calls, in columns.
        payloads: what the recorded responses looked like.
        provenance: files, counts and what they cannot tell.
        lag: how late the proxy was that recorded them; None where no proxy of ours did.
        upstream: what the upstream behind it added to its plans; None where no plan was drawn.
    """

    calls: Calls
    payloads: PayloadBank
    provenance: Provenance
    lag: LagReport | None
    upstream: UpstreamReport | None


def load_traces(
    paths: Iterable[Path],
    skip_bad_lines: bool,
    status: LateStatus,
    also: Callable[[TraceRecord], None] | None = None,
    chosen: Callable[[TraceRecord], bool] | None = None,
) -> LoadedTraces:
    """Read trace files and directories.

    Args:
        paths: files in any known format, or directories of them.
        skip_bad_lines: leave bad records out and say so, instead of stopping at the first one.
        status: is told which file is being read.
        also: is shown every record as well.
        chosen: tells which records are wanted; None for all.

    Raises:
        TraceFileError: if a file, or a record in it, cannot be read, or nothing was read at all.
    """
    bank = PayloadBank()
    lag, upstream = LagTally(), UpstreamTally()
    sources: list[Source] = []
    cannot_tell: dict[str, None] = {}
    found = find_sources(paths, status).files

    def records() -> Iterator[TraceRecord]:
        for path, known in found:
            status(f"reading {path.name}")
            count = 0
            for record in known.read(
                path,
                ReadOptions(keep_bodies=True, keep_urls=True),
                bad_line_reporter() if skip_bad_lines else None,
            ):
                count += 1
                if chosen is not None and not chosen(record):
                    continue
                bank.add(record)
                lag.add(record)
                upstream.add(record)
                if also is not None:
                    also(record)
                yield record
            sources.append(Source(path.name, known.name, sha256_of(path), count))
            cannot_tell.update(dict.fromkeys(known.cannot_tell))

    calls = calls_from_records(records())
    if not len(calls):
        what = "records" if not sum(source.calls for source in sources) else "calls of tools"
        raise TraceFileError(found[0][0], f"holds no {what}")
    provenance = Provenance(
        sources=tuple(sources),
        calls=len(calls),
        sessions=calls.session_count,
        window=_window(calls),
        latency_measure=calls.measure,
        cannot_tell=tuple(cannot_tell),
    )
    return LoadedTraces(calls, bank, provenance, lag.report(), upstream.report())


def refuse_same_files(recorded: Iterable[Path], simulated: Iterable[Path]) -> None:
    """End the command if a file is on both sides of a comparison: held against itself, anything passes."""
    seen = {path.resolve() for path in recorded}
    for path in simulated:
        if path.resolve() in seen:
            fail(
                f"{path}: is on both sides, as recorded and as simulated; --sim takes what the proxy recorded"
            )


def bad_line_reporter() -> BadLineHandler:
    """Return a handler that tells on stderr which records were left out."""
    console = messages()
    return lambda error: console.print(f"left out: {error}", markup=False, soft_wrap=True)


def _window(calls: Calls) -> tuple[str, str] | None:
    known = calls.start_s[np.isfinite(calls.start_s)]
    return (iso_time(known.min()), iso_time(known.max())) if len(known) else None


def iso_time(time_s: float) -> str:
    """Return a time in seconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
