"""Says in sentences what a profile knows of when tools fail."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from earthwire.cli.console import percent

if TYPE_CHECKING:
    from earthwire.fault_models.laws.rate_limit import RateLimit
    from earthwire.fault_models.laws.regime import RegimeLaw, UpstreamRegime
    from earthwire.fault_models.profile import Profile, ToolLaws

_SENTENCES_MAX = 10


def failure_sentences(profile: "Profile", tools: Iterable[tuple[str, "ToolLaws"]]) -> list[str]:
    """Return what is to be said of when tools fail, in at most 10 sentences.

    One is of sessions that fail as a whole, the others each of a tool with a rate limit or a regime, or of an upstream
    with outages.

    Args:
        profile: that the tools belong to.
        tools: those that are shown.
    """
    sentences = [*_of_sessions(profile), *_of_tools(tools), *_of_upstreams(profile.upstreams)]
    if len(sentences) <= _SENTENCES_MAX:
        return sentences
    return [*sentences[:_SENTENCES_MAX], f"{len(sentences) - _SENTENCES_MAX} more of these: --tool or --json"]


def _of_sessions(profile: "Profile") -> Iterator[str]:
    from earthwire.fault_models.laws.outcome import OutcomeCounts, without_part

    law, overall = profile.failing_sessions, profile.overall
    if law is None:
        return
    failing = overall.failing_outcomes or OutcomeCounts({})
    usual = without_part(overall.outcomes, failing)
    often = " (most often slow ones)" if law.by_level[-1] > 2.0 * law.share else ""
    yield (
        f"{law.failing:,} of {law.sessions:,} sessions{often} fail as a whole: {percent(failing.fault_share())} of "
        f"their calls end as faults, of the others' {percent(usual.fault_share())}"
    )


def _of_tools(tools: Iterable[tuple[str, "ToolLaws"]]) -> Iterator[str]:
    for name, laws in tools:
        if laws.rate_limit is not None:
            yield f"{name}: {_limit(laws.rate_limit)}"
        if laws.regime is not None:
            yield f"{name}: {_regime(laws.regime)}"


def _of_upstreams(upstreams: dict[str, "UpstreamRegime"]) -> Iterator[str]:
    for name, regime in sorted(upstreams.items()):
        yield (
            f"{name}: on the wall clock its tools are down together {percent(regime.history.bad_share)} of the time "
            f"({len(regime.history.runs) // 2} outages)"
        )


def _limit(limit: "RateLimit") -> str:
    window = "a window that was never seen to end"
    if limit.window_calls is not None:
        window = f"a window of {limit.window_calls:,} calls"
    seconds = "its length in seconds is not known: order alone does not tell"
    if limit.window_s is not None:
        seconds = f"it is {limit.window_s:g} s long"
    return (
        f"rate limit of {limit.quota:,} calls in {window}; {seconds} ({limit.cycles} windows, {limit.refusals:,} "
        f"refusals; support: {limit.support})"
    )


def _regime(law: "RegimeLaw") -> str:
    from earthwire.fault_models.laws.regime import RunHistory

    if isinstance(law, RunHistory):
        return f"faults come in bursts as recorded: {len(law.runs) // 2:,} bursts in {law.length:,} calls"
    calls = sum(sum(counts.at_risk) for counts in law.after.values())
    return f"how long it has been up or failing tells when that ends; from {calls:,} pairs of calls"
