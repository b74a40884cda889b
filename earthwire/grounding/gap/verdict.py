"""What a report ends with: the criteria that every report shares, and the verdict that follows from all of them."""

from typing import Literal

from earthwire.grounding.samples.outcome_mix import Rate, rates_agree

Verdict = Literal["pass", "fail", "insufficient data", "INVALID"]
"""Of a run that is ``INVALID`` nothing can be said: what was recorded is not what was simulated."""

TAIL_RANGE = (0.8, 1.25)
"""Where the ratio of simulated to recorded p99 must lie."""


def rate_failures(real: Rate, simulated: Rate) -> list[str]:
    """Return what is wrong with a simulated fault rate: a sentence where it differs beyond chance."""
    if rates_agree(real, simulated):
        return []
    return [
        f"fault rate {simulated.rate:.4f} against {real.rate:.4f} recorded: beyond chance at an effective "
        f"{real.effective_count:.0f} calls"
    ]


def tail_failures(p99_ratio: float | None) -> list[str]:
    """Return what is wrong with the tail: a sentence where the p99 ratio is known and out of range."""
    if p99_ratio is None or TAIL_RANGE[0] <= p99_ratio <= TAIL_RANGE[1]:
        return []
    return [f"p99 is {p99_ratio:.2f} times the recorded one, outside {list(TAIL_RANGE)}"]


def verdict(
    shortage: list[str], failures: list[str], unresolved: list[str], invalid: list[str] | None = None
) -> Verdict:
    """Return the verdict; each argument holds the reasons for one.

    Args:
        shortage: there is too little data to ask.
        failures: criteria that fail.
        unresolved: criteria that cannot be told.
        invalid: the recording is not of what was simulated.
    """
    if invalid:
        return "INVALID"
    if shortage:
        return "insufficient data"
    if failures:
        return "fail"
    return "insufficient data" if unresolved else "pass"
