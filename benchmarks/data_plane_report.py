"""The table of `data_plane.py`: medians, every run, and the goals."""

import statistics
from pathlib import Path
from typing import NamedTuple

SECTIONS = ("cpu", "delay", "latency", "memory", "virtual")
OWN = "earthwire draw+record"
BEGIN = "<!-- What stands between these two lines is written by benchmarks/data_plane.py. -->"
END = "<!-- End of what is written by benchmarks/data_plane.py. -->"

Results = dict[str, dict[str, list[float]]]

COLUMNS = {
    "cpu_us_1": "CPU µs, 1 conn.",
    "cpu_us_32": "32",
    "cpu_us_256": "256",
    "cpu_us_delayed_256": "256, 5 ms delay",
    "added_us_sequential": "added p50 µs",
    "added_us_poisson_p50": "Poisson p50",
    "added_us_poisson_p99": "p99",
    "held_kib": "KiB / held",
    "virtual_calls_per_s": "virtual calls/s",
}


class Goal(NamedTuple):
    """What a value of ours must reach, absolutely or beside another's.

    Attributes:
        measure: which figure.
        bound: at most this, or at least where `at_least`.
        beside: whose figure it is a multiple of; None for an absolute bound.
    """

    measure: str
    bound: float
    beside: str | None = None
    at_least: bool = False


GOALS = (
    Goal("cpu_us_32", 0.75, "envoy"),
    Goal("cpu_us_32", 2.2, "nginx"),
    Goal("cpu_us_delayed_256", 0.5, "envoy"),
    Goal("cpu_us_32", 1 / 6, "wiremock"),
    Goal("cpu_us_32", 1 / 6, "mountebank"),
    Goal("cpu_us_32", 1 / 50, "mitmproxy"),
    Goal("added_us_sequential", 40.0),
    Goal("added_us_poisson_p50", 200.0),
    Goal("added_us_poisson_p99", 500.0),
    Goal("held_kib", 5.0),
    Goal("virtual_calls_per_s", 60_000.0, at_least=True),
)


def table(results: Results) -> str:
    """Return what is printed on a terminal: medians, goals, and every run."""
    names = _contenders(results)
    measures = [measure for measure in COLUMNS if measure in results]
    lines = [f"{'medians':<24}" + "".join(f"{COLUMNS[measure]:>17}" for measure in measures)]
    for name in names:
        lines.append(
            f"{name:<24}" + "".join(f"{_median(results, measure, name):>17}" for measure in measures)
        )
    return "\n".join([*lines, "", *_goal_lines(results), "", *_run_lines(results)])


def markdown(results: Results) -> str:
    """Return the same for a page."""
    measures = [measure for measure in COLUMNS if measure in results]
    lines = ["| median | " + " | ".join(COLUMNS[measure] for measure in measures) + " |"]
    lines.append("|---" * (len(measures) + 1) + "|")
    for name in _contenders(results):
        cells = [_median(results, measure, name) for measure in measures]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    goals = [f"- {line}" for line in _goal_lines(results)]
    return "\n".join([*lines, "", *goals, "", "Every run:", "", "```", *_run_lines(results), "```"])


def replace_section(page: Path, text: str) -> None:
    """Put a text between the two marks of a page.

    Raises:
        SystemExit: if the page has no marks.
    """
    whole = page.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page}: has no lines {BEGIN!r} and {END!r} to write between")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _contenders(results: Results) -> list[str]:
    names = {name: None for values in results.values() for name in values}
    return sorted(names, key=lambda name: (name.startswith("earthwire"), list(names).index(name)))


def _median(results: Results, measure: str, name: str) -> str:
    values = results.get(measure, {}).get(name)
    if not values:
        return "n/a"
    median = statistics.median(values)
    return f"{median:,.0f}" if abs(median) >= 100 else f"{median:.1f}"


def _goal_lines(results: Results) -> list[str]:
    lines = []
    for goal in GOALS:
        ours = results.get(goal.measure, {}).get(OWN)
        theirs = [1.0] if goal.beside is None else results.get(goal.measure, {}).get(goal.beside)
        if not ours or not theirs:
            continue
        value = statistics.median(ours) / statistics.median(theirs)
        met = value >= goal.bound if goal.at_least else value <= goal.bound
        what = COLUMNS[goal.measure] if goal.measure != "cpu_us_32" else "CPU, 32 connections"
        unit = "" if goal.beside is None else f" × {goal.beside}"
        sign = "≥" if goal.at_least else "≤"
        lines.append(
            f"{'met' if met else 'MISSED'}: {what} {value:,.3g}{unit} (goal {sign} {goal.bound:,.3g}{unit})"
        )
    return lines


def _run_lines(results: Results) -> list[str]:
    return [
        f"{measure:<22}{name:<23}" + " ".join(f"{value:,.1f}" for value in values)
        for measure, of_measure in results.items()
        for name, values in of_measure.items()
    ]
