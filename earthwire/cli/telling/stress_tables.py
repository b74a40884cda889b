"""Tables of a stress test."""

from rich.console import Console
from rich.table import Table

from earthwire.cli.tables import plain_table
from earthwire.grounding.stress import (
    CONFIDENCE,
    ArmFinding,
    Estimate,
    Gap,
    Radius,
    Randomisation,
    StressReport,
)

_KINDS_SHOWN_MAX = 3
_COUNTS_COLUMNS_MIN = 130
"""Narrower terminals get the faults of each arm below the table, so that no figure is cut."""
_STYLES = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "INVALID": "red"}


def print_stress(report: StressReport, console: Console) -> None:
    """Print a report."""
    verdict = report.verdict
    assert verdict is not None, "only what is complete is printed"
    is_wide = console.width >= _COUNTS_COLUMNS_MIN
    console.print(_arm_table(report, is_wide))
    for finding in () if is_wide else report.arms:
        if counts := _counts(finding):
            console.print(f"{finding.arm}, injected or changed: {counts}", markup=False, soft_wrap=True)
    if report.gaps:
        console.print(_gap_table(report.gaps))
    if report.radius is not None:
        console.print(radius_sentence(report.radius), markup=False, soft_wrap=True)
    if report.randomisation is not None:
        console.print(_range_table(report.randomisation))
    for reason in verdict.reasons:
        console.print(reason, markup=False, soft_wrap=True)
    console.print(f"verdict: [{_STYLES[verdict.word]}]{verdict.word}[/]")


def _arm_table(report: StressReport, is_wide: bool) -> Table:
    title = f"{report.subject.agent}: {report.seeds} seeds, intervals at {CONFIDENCE:.0%}"
    table = plain_table(title)
    table.add_column("arm", no_wrap=True)
    for heading in ("success", "pass^k", "R'", "attempts / success", "cost / success", "retries", "gave up"):
        table.add_column(heading, justify="right")
    if is_wide:
        table.add_column("injected, changed", overflow="fold")
    for finding in report.arms:
        table.add_row(
            finding.arm,
            _interval(finding.success),
            _pass_all(finding.pass_all),
            f"{finding.reward:.2f}",
            _number(finding.attempts_per_success),
            _number(finding.cost_per_success),
            str(finding.attempts.retries),
            str(finding.attempts.gave_up),
            *([_counts(finding)] if is_wide else []),
        )
    return table


def _gap_table(gaps: tuple[Gap, ...]) -> Table:
    title = "what each channel takes: clean less perturbed, seed by seed"
    table = plain_table(title)
    table.add_column("arm", no_wrap=True)
    for heading in ("gap in success", "share", "gap in R'"):
        table.add_column(heading, justify="right")
    for gap in gaps:
        share = "" if gap.share is None else f"{100 * gap.share:.0f} %"
        table.add_row(gap.arm, _interval(gap.success), share, _interval(gap.reward))
    return table


def _range_table(found: Randomisation) -> Table:
    table = Table(
        title="automatic domain randomisation: multiples that the agent copes with", title_justify="left"
    )
    for heading in ("channel", "from 0 to", "edge of each round (success)"):
        table.add_column(heading)
    for channel, limit in found.limits.items():
        trials = [trial for trial in found.trials if trial.channel == channel]
        course = ", ".join(f"{trial.limit:g} ({trial.success:.2f})" for trial in trials)
        table.add_row(channel, f"{limit:g}", course)
    return table


def radius_sentence(found: Radius) -> str:
    """Return the robust radius as a sentence."""
    high = "beyond what was tried" if found.high is None else f"{found.high:g}"
    where = f"({CONFIDENCE:.0%} interval {found.low:g} to {high})"
    if found.holds_to is None:
        return f"robust radius: none, success is below {found.target:g} even when clean {where}"
    if found.falls_by is None:
        return f"robust radius: above {found.holds_to:g} times the recipe, the most that was tried {where}"
    return (
        f"robust radius: success falls below {found.target:g} between {found.holds_to:g} and {found.falls_by:g} "
        f"times the recipe {where}"
    )


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _pass_all(values: dict[int, float]) -> str:
    """Return the largest k that is known beside 1."""
    if not values:
        return ""
    k = max(values)
    return f"{values[k]:.2f} (k = {k})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _counts(finding: ArmFinding) -> str:
    counts = {**finding.injected, **finding.changes}
    if finding.refused:
        counts["refused for budget"] = finding.refused
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = len(most) - _KINDS_SHOWN_MAX
    shown = [f"{name} {count}" for name, count in most[:_KINDS_SHOWN_MAX]]
    return ", ".join([*shown, f"{rest} more"] if rest > 0 else shown)
