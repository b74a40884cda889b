"""``earthwire export``: traces in another format, for other programs or for keeping."""

import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from earthwire.cli.console import fail, late_status, messages
from earthwire.cli.writing import check_target
from earthwire.traces import (
    AttemptTally,
    ReadOptions,
    TraceRecord,
    find_sources,
    read_sources,
    write_jsonl,
    write_otlp,
    write_parquet,
)

_STATUS_EVERY_COUNT = 10_000
_TOLD_WITHOUT_ARGUMENTS = (
    "attempts",
    "failed_attempts",
    "attempt_failure_rate",
    "failed_attempts_without_arguments",
)


class ExportFormat(StrEnum):
    """Formats that traces are written in."""

    JSONL = "jsonl"
    OTLP = "otlp"
    PARQUET = "parquet"


_ENDINGS = {
    ".jsonl": ExportFormat.JSONL,
    ".jsonl.gz": ExportFormat.JSONL,
    ".parquet": ExportFormat.PARQUET,
    ".json": ExportFormat.OTLP,
}


def export(
    paths: Annotated[list[Path], typer.Argument(help="Trace files, or directories of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    format: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            help="otlp: spans in OTLP JSON; without it the ending counts: .jsonl(.gz), .parquet, .json.",
        ),
    ] = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Leave bad records out and report them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write traces as earthwire's own records (jsonl, parquet) or as OpenTelemetry spans (otlp).

    All three hold every field, redacted as it was read: `earthwire import` reads each of them back without loss. Spans
    carry OpenTelemetry's attribute names, so that tracing tools show recorded and simulated calls side by side. It also
    says how many attempts were retries of the same call, and what they led to.
    """
    from earthwire.cli.reading.loading import bad_line_reporter

    chosen = format or _format_of(output)
    counted = _Counted()
    with late_status() as status:
        sources = find_sources(paths, status)
        check_target(output, [path for path, _ in sources.files])
        handler = bad_line_reporter() if skip_bad_lines else None
        records = read_sources(sources, ReadOptions(keep_bodies=True, keep_urls=True), handler)
        count = _WRITERS[chosen](counted.passed(records, status), output)
    if as_json:
        summary = {
            "path": str(output),
            "format": chosen.value,
            "records": count,
            "attempts": counted.summary(),
        }
        print(json.dumps(summary))
        return
    console = messages()
    for sentence in (f"{count:,} records written to {output} ({chosen.value})", *counted.sentences()):
        console.print(sentence, markup=False, soft_wrap=True)


def _format_of(path: Path) -> ExportFormat:
    chosen = next((known for ending, known in _ENDINGS.items() if path.name.endswith(ending)), None)
    if chosen is None:
        ways = ", ".join(f"--format {known}" for known in ExportFormat)
        fail(f"{path}: the ending does not say in which format; add one of {ways}")
    return chosen


_WRITERS: dict[ExportFormat, Callable[[Iterable[TraceRecord], Path], int]] = {
    ExportFormat.JSONL: write_jsonl,
    ExportFormat.OTLP: write_otlp,
    ExportFormat.PARQUET: write_parquet,
}


class _Counted:
    """Counts the attempts among records on their way, and the failed ones that nothing can be seen to repeat."""

    def __init__(self) -> None:
        self._tally = AttemptTally()
        self._untold_count = 0

    def passed(self, records: Iterable[TraceRecord], status: Callable[[str], None]) -> Iterator[TraceRecord]:
        """Yield the records as they are."""
        for count, record in enumerate(records):
            if count % _STATUS_EVERY_COUNT == 0:
                status(f"{count:,} records")
            attempt = self._tally.add(record)
            self._untold_count += attempt.failed and attempt.arguments is None
            yield record

    def summary(self) -> dict[str, object]:
        """Return the counts for ``--json``; what needs the arguments of calls is null where they are not known."""
        counts = self._tally.counts()
        values: dict[str, object] = {
            **msgspec.structs.asdict(counts),
            "attempt_failure_rate": counts.attempt_failure_rate,
            "logical_failure_rate": counts.logical_failure_rate,
            "failed_attempts_without_arguments": self._untold_count,
        }
        if not self._untold_count:
            return values
        return {name: value if name in _TOLD_WITHOUT_ARGUMENTS else None for name, value in values.items()}

    def sentences(self) -> Iterator[str]:
        """Yield the counts in words."""
        counts = self._tally.counts()
        if counts.attempt_failure_rate is None or counts.logical_failure_rate is None:
            return
        if self._untold_count:
            yield f"failed: {100 * counts.attempt_failure_rate:.2f} % of {counts.attempts:,} attempts"
            yield (
                f"retries: n/a, {self._untold_count:,} of {counts.failed_attempts:,} failed attempts do not say what "
                "they asked for; record with --bodies (serve: --record-bodies)"
            )
            return
        yield (
            f"{counts.attempts:,} attempts for {counts.logical_calls:,} logical calls: {counts.retries:,} retries, "
            f"{counts.recovered:,} calls recovered, {counts.gave_up:,} given up"
        )
        yield (
            f"failed: {100 * counts.attempt_failure_rate:.2f} % of the attempts, "
            f"{100 * counts.logical_failure_rate:.2f} % of the logical calls"
        )
        if counts.duplicate_effects or counts.possible_duplicate_effects:
            certain, possible = counts.duplicate_effects, counts.possible_duplicate_effects
            yield f"work done twice: {certain:,} times, and perhaps {possible:,} more"
