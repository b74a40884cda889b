"""``earthwire export``: traces in another format, for other programs or for keeping."""

import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from earthwire.cli.console import fail, late_status, messages
from earthwire.traces import (
    AttemptCounts,
    AttemptTally,
    JsonlWriter,
    ReadOptions,
    TraceRecord,
    read_all,
    write_otlp,
    write_parquet,
)

_STATUS_EVERY_COUNT = 10_000


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
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write traces as earthwire's own records (jsonl, parquet) or as OpenTelemetry spans (otlp).

    All three hold every field, redacted as it was read: `earthwire import` reads each of them back without loss. Spans
    carry OpenTelemetry's attribute names, so that tracing tools show recorded and simulated calls side by side. It also
    says how many attempts were retries of the same call, and what they led to.
    """
    chosen = format or _format_of(output)
    tally = AttemptTally()
    with late_status() as status:
        records = read_all(paths, ReadOptions(keep_bodies=True, keep_urls=True))
        count = _WRITERS[chosen](_counted(records, tally, status), output)
    counts = tally.counts()
    if as_json:
        summary = {
            "path": str(output),
            "format": chosen.value,
            "records": count,
            "attempts": _summary(counts),
        }
        print(json.dumps(summary))
        return
    console = messages()
    for sentence in (f"{count:,} records written to {output} ({chosen.value})", *_attempt_sentences(counts)):
        console.print(sentence, markup=False, soft_wrap=True)


def _format_of(path: Path) -> ExportFormat:
    chosen = next((known for ending, known in _ENDINGS.items() if path.name.endswith(ending)), None)
    if chosen is None:
        ways = ", ".join(f"--format {known}" for known in ExportFormat)
        fail(f"{path}: the ending does not say in which format; add one of {ways}")
    return chosen


def _write_jsonl(records: Iterable[TraceRecord], path: Path) -> int:
    count = 0
    with JsonlWriter(path) as writer:
        for record in records:
            writer.write(record)
            count += 1
    return count


_WRITERS: dict[ExportFormat, Callable[[Iterable[TraceRecord], Path], int]] = {
    ExportFormat.JSONL: _write_jsonl,
    ExportFormat.OTLP: write_otlp,
    ExportFormat.PARQUET: write_parquet,
}


def _counted(
    records: Iterable[TraceRecord], tally: AttemptTally, status: Callable[[str], None]
) -> Iterator[TraceRecord]:
    for count, record in enumerate(records):
        if count % _STATUS_EVERY_COUNT == 0:
            status(f"{count:,} records")
        tally.add(record)
        yield record


def _summary(counts: AttemptCounts) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(counts),
        "attempt_failure_rate": counts.attempt_failure_rate,
        "logical_failure_rate": counts.logical_failure_rate,
    }


def _attempt_sentences(counts: AttemptCounts) -> Iterator[str]:
    if counts.attempt_failure_rate is None or counts.logical_failure_rate is None:
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
