"""Shows how tools changed while they were recorded."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from earthwire.cli.console import milliseconds, output, percent, sparkline

if TYPE_CHECKING:
    from earthwire.fault_models.drift import Drift, DriftWindow
    from earthwire.fault_models.intervals import Interval

_DAY_S = 86_400.0
_ONE_LINE_COLUMNS_MIN = 120
"""On narrower terminals a window has two lines, so that nothing of it is cut."""


def drift_sentences(drift: "Drift") -> list[str]:
    """Return in sentences whether tools changed, what was made of it, and two sparklines over the windows of time."""
    sentences = [f"over time: {drift.note}{_evidence(drift)}"]
    if drift.half_life_s is not None:
        sentences.append(
            f"a session of {_age(drift.half_life_s)} before the last one counts half; laws rest on "
            f"{drift.kept_calls:,} calls in {drift.kept_sessions:,} of {drift.sessions:,} sessions "
            f"(effective: {drift.effective_sessions:,.0f}); held-out sessions gain {drift.gain:.2f} nats each, "
            f"at least {drift.gain_low:.2f}"
        )
    latency = [window.median_latency_s for window in drift.windows]
    faults = [window.fault_rate for window in drift.windows]
    sentences += _line("median latency", latency, milliseconds) + _line("fault rate", faults, percent)
    return sentences


def print_drift(drift: "Drift") -> None:
    """Print one row for each window of time, with intervals."""
    from earthwire.cli.tables import plain_table

    console = output()
    between = " " if console.width >= _ONE_LINE_COLUMNS_MIN else "\n"
    table = plain_table()
    table.add_column("begin – end", no_wrap=True)
    for name in ("sessions", "calls", "median latency", "fault rate"):
        table.add_column(name, justify="right", no_wrap=True)
    for window in drift.windows:
        table.add_row(*_cells(window, between))
    if drift.windows:
        console.print(table)
    for sentence in drift_sentences(drift):
        console.print(sentence, markup=False, soft_wrap=True)


def _cells(window: "DriftWindow", between: str) -> list[str]:
    """Return a row; what belongs together has `between` in it, a space or a new line."""
    begin, end = (
        datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")
        for at_s in (window.start_s, window.end_s)
    )
    return [
        f"{begin} –{between}{end}",
        f"{window.sessions:,}",
        f"{window.calls:,}",
        _with_bounds(window.median_latency_s, milliseconds, between),
        _with_bounds(window.fault_rate, percent, between),
    ]


def _with_bounds(interval: "Interval | None", text: Callable[[float], str], between: str) -> str:
    if interval is None:
        return "n/a"
    return f"{text(interval.estimate)}{between}[{text(interval.low)}, {text(interval.high)}]"


def _line(name: str, intervals: "Iterable[Interval | None]", text: Callable[[float], str]) -> list[str]:
    """Return a sparkline of what is known, with the first, the last, the least and the largest value."""
    known = [interval.estimate for interval in intervals if interval is not None]
    if len(known) < 2:
        return []
    return [
        f"  {name:15}{sparkline(known)}  {text(known[0])} → {text(known[-1])}, between {text(min(known))} and "
        f"{text(max(known))} in {len(known)} windows of as many sessions"
    ]


def _evidence(drift: "Drift") -> str:
    return "" if drift.p_value is None else f" (p = {drift.p_value:.3g} that their order does not matter)"


def _age(age_s: float) -> str:
    if age_s >= 2 * _DAY_S:
        return f"{age_s / _DAY_S:.3g} days"
    return f"{age_s / 3_600:.3g} hours" if age_s >= 7_200 else f"{age_s / 60:.3g} minutes"
