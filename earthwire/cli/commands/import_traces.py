"""``earthwire import``: read traces in any known format, say what is in them, and write them as one file."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from earthwire.cli.console import fail, late_status, messages
from earthwire.cli.console import output as results
from earthwire.cli.tables import FoldedName, first_of, plain_table
from earthwire.cli.writing import check_target
from earthwire.traces import (
    Format,
    PathTemplater,
    ReadOptions,
    Sources,
    TraceFileError,
    TraceRecord,
    find_sources,
    learn_templates,
    relabel,
    write_jsonl,
    write_parquet,
)

PROGRESS_AFTER_S = 2.0
BAD_LINES_SHOWN_MAX = 10
SOURCES_SHOWN_MAX = 30
FILES_NAMED_MAX = 5
_SOURCE_COLUMNS_MIN = 14
_ROOMY_COLUMNS_MIN = 100

_OUTPUT_ENDINGS = (".jsonl", ".jsonl.gz", ".parquet")


@dataclass(slots=True)
class SourceSummary:
    """What was found in one source file."""

    path: Path
    format: Format
    record_count: int = 0
    with_latency_count: int = 0
    censored_count: int = 0
    bad_lines: list[TraceFileError] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    tools: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, record: TraceRecord) -> None:
        """Count one record."""
        self.record_count += 1
        self.with_latency_count += record.duration_ns is not None or record.ttfb_ns is not None
        self.censored_count += record.latency_censoring in ("right", "right_unknown_limit")
        self.sessions.add(record.session_id or "")
        self.tools.add(record.tool)
        self.outcomes[record.outcome] += 1

    def as_dict(self) -> dict[str, object]:
        """Return the summary for ``--json``."""
        return {
            "path": str(self.path),
            "format": self.format.name,
            "records": self.record_count,
            "sessions": len(self.sessions),
            "tools": len(self.tools),
            "with_latency": self.with_latency_count,
            "censored": self.censored_count,
            "outcomes": dict(self.outcomes.most_common()),
            "bad_lines": [str(error) for error in self.bad_lines],
        }


def import_traces(
    paths: Annotated[list[Path], typer.Argument(help="Trace files, or directories of them.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .jsonl, .jsonl.gz or .parquet.")
    ] = None,
    keep_bodies: Annotated[
        bool, typer.Option("--keep-bodies", help="Keep bodies and headers, redacted; replay needs them.")
    ] = False,
    keep_urls: Annotated[bool, typer.Option("--keep-urls", help="Keep full URLs, redacted.")] = False,
    template: Annotated[
        list[str] | None, typer.Option("--template", help="Path template such as /users/{id}; repeatable.")
    ] = None,
    learn: Annotated[
        bool,
        typer.Option(
            "--learn-templates/--no-learn-templates",
            help="Also collapse path segments that only the whole corpus shows to be identifiers.",
        ),
    ] = True,
    in_band_errors: Annotated[
        bool,
        typer.Option(
            "--in-band-errors/--no-in-band-errors",
            help="A success whose body is nothing but an error report counts as a fault (semantic_error).",
        ),
    ] = True,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Leave bad records out and report them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Read traces in any known format, say what is in them, and write them as one file."""
    console = messages()
    _check_templates(template or [])
    options = ReadOptions(keep_bodies, keep_urls, tuple(template or ()), in_band_errors)
    try:
        with late_status() as status:
            sources = find_sources(paths, status)
        _check_output(output, [path for path, _ in sources.files])
        templater = PathTemplater(options.templates)
        if learn:
            scratch = [SourceSummary(path, known) for path, known in sources.files]
            first_pass = _records(scratch, options, skip_bad_lines, templater, console)
            templater = learn_templates(first_pass, options.templates)
        summaries = [SourceSummary(path, known) for path, known in sources.files]
        _write(_records(summaries, options, skip_bad_lines, templater, console), output)
    except ValueError as error:
        fail(str(error))
    if as_json:
        _print_json(summaries, sources, output)
    else:
        _print_text(summaries, sources, output)
    _refuse_nothing(summaries)


def _refuse_nothing(summaries: Sequence[SourceSummary]) -> None:
    """Fail where nothing that was read is a call, and say what would be."""
    if any(summary.record_count or summary.bad_lines for summary in summaries):
        return
    first = summaries[0]
    fail(f"{first.path}: holds no calls; what is read of {first.format.name} is: {first.format.calls}")


def _check_output(output: Path | None, inputs: Sequence[Path]) -> None:
    if output is None:
        return
    if not output.name.endswith(_OUTPUT_ENDINGS):
        raise TraceFileError(output, f"the name of the output must end in {', '.join(_OUTPUT_ENDINGS)}")
    check_target(output, inputs)


def _records(
    summaries: Sequence[SourceSummary],
    options: ReadOptions,
    skip_bad_lines: bool,
    templater: PathTemplater,
    console: Console,
) -> Iterator[TraceRecord]:
    """Yield the records of all sources, relabelled and counted."""
    with _LateProgress(console, len(summaries)) as progress:
        for file_count, summary in enumerate(summaries):
            for record in _records_of(summary, options, skip_bad_lines):
                named = relabel(record, templater)
                summary.add(named)
                progress.update(file_count, summary.path)
                yield named


def _records_of(summary: SourceSummary, options: ReadOptions, skip_bad_lines: bool) -> Iterator[TraceRecord]:
    """Yield the records of one source. Where bad lines are skipped, a file that is bad as a whole is, too."""
    if not skip_bad_lines:
        yield from summary.format.read(summary.path, options, None)
        return
    try:
        yield from summary.format.read(summary.path, options, summary.bad_lines.append)
    except TraceFileError as error:
        summary.bad_lines.append(error)


def _write(records: Iterable[TraceRecord], output: Path | None) -> None:
    """Write the records; without an output only read them."""
    if output is None:
        for _ in records:
            pass
    elif output.suffix == ".parquet":
        write_parquet(records, output)
    else:
        write_jsonl(records, output)


class _LateProgress:
    """A progress bar that appears on a terminal once the work takes longer than `PROGRESS_AFTER_S`."""

    def __init__(self, console: Console, file_count: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("reading", total=file_count)
        self._due_s = time.monotonic() + PROGRESS_AFTER_S
        self._is_shown = False

    def __enter__(self) -> "_LateProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._progress.stop()

    def update(self, file_count: int, path: Path) -> None:
        """Show how many files are done, if it is time for it."""
        if not self._is_shown:
            if time.monotonic() < self._due_s:
                return
            self._is_shown = True
            self._progress.start()
        self._progress.update(self._task, completed=file_count, description=path.name)


def _print_json(summaries: Sequence[SourceSummary], sources: Sources, output: Path | None) -> None:
    report = {
        "sources": [summary.as_dict() for summary in summaries],
        "cannot_tell": {summary.format.name: list(summary.format.cannot_tell) for summary in summaries},
        "ignored": [str(path) for path in sources.ignored],
        "hidden": sources.hidden_count,
        "output": None if output is None else str(output),
    }
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _print_text(summaries: Sequence[SourceSummary], sources: Sources, output: Path | None) -> None:
    console = results()
    console.print(_table(summaries, 0 if console.width < _ROOMY_COLUMNS_MIN else 1))
    for known in {summary.format.name: summary.format for summary in summaries}.values():
        for sentence in known.cannot_tell:
            console.print(f"{known.name} cannot tell: {sentence}", markup=False, highlight=False)
    _print_bad_lines(console, [error for summary in summaries for error in summary.bad_lines])
    if sources.ignored:
        named = first_of([path.name for path in sources.ignored], FILES_NAMED_MAX)
        console.print(f"ignored, in no known format: {named}", markup=False, soft_wrap=True)
    if sources.hidden_count:
        console.print(f"{sources.hidden_count} hidden files and folders were not looked at.", highlight=False)
    total = sum(summary.record_count for summary in summaries)
    if output is not None:
        console.print(f"{total:,} records written to {output}", markup=False, highlight=False, soft_wrap=True)


def _print_bad_lines(console: Console, bad_lines: Sequence[TraceFileError]) -> None:
    for error in bad_lines[:BAD_LINES_SHOWN_MAX]:
        console.print(f"left out: {error}", markup=False, highlight=False, soft_wrap=True)
    if len(bad_lines) > BAD_LINES_SHOWN_MAX:
        console.print(f"left out: {len(bad_lines) - BAD_LINES_SHOWN_MAX} more", highlight=False)


def _check_templates(templates: Sequence[str]) -> None:
    for template in templates:
        if not template.startswith("/"):
            fail(
                f"--template: {template!r} would fit no path; one begins with a slash, such as /users/{{id}}"
            )


def _table(summaries: Sequence[SourceSummary], gap: int) -> Table:
    """Return one row per source, only the busiest where there are many, and a last row with their sum."""
    table = plain_table(gap=gap)
    table.add_column("source", min_width=_SOURCE_COLUMNS_MIN)
    for name in ("records", "sessions", "tools", "latency", "censored"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("outcomes", no_wrap=True)
    names = Counter(summary.path.name for summary in summaries)
    shown = summaries
    if len(summaries) > SOURCES_SHOWN_MAX:
        shown = sorted(summaries, key=lambda summary: -summary.record_count)[:SOURCES_SHOWN_MAX]
    for summary in shown:
        parts_shown = 1 if names[summary.path.name] == 1 else 2
        name = "/".join(summary.path.parts[-parts_shown:])
        table.add_row(FoldedName(name, summary.format.name), *_cells(summary))
    if len(summaries) > 1:
        table.add_section()
        table.add_row(f"all {len(summaries)} sources", *_cells(_sum(summaries)))
    return table


def _sum(summaries: Sequence[SourceSummary]) -> SourceSummary:
    total = SourceSummary(summaries[0].path, summaries[0].format)
    for summary in summaries:
        total.record_count += summary.record_count
        total.with_latency_count += summary.with_latency_count
        total.censored_count += summary.censored_count
        total.sessions |= summary.sessions
        total.tools |= summary.tools
        total.outcomes += summary.outcomes
    return total


def _cells(summary: SourceSummary) -> list[str]:
    """Return the counts of a source as table cells, after its name and format."""
    counts = [summary.record_count, len(summary.sessions), len(summary.tools)]
    counts += [summary.with_latency_count, summary.censored_count]
    outcomes = "\n".join(f"{outcome} {count:,}" for outcome, count in summary.outcomes.most_common())
    return [f"{count:,}" for count in counts] + [outcomes]
