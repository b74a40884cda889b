"""PASS, FAIL, INCONCLUSIVE or INVALID: what a stress test says in one word, and why."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from earthwire.fault_models.conditions.exposure import Channel
from earthwire.grounding.stress.arms import CLEAN_ARM, Arm
from earthwire.grounding.stress.episode_result import EpisodeResult
from earthwire.grounding.stress.findings import ArmFinding

StressWord = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID"]
_ACTION_CHANGES = ("decoys_", "shield_")


class StressVerdict(msgspec.Struct, frozen=True):
    """What a stress test says.

    Attributes:
        word: PASS if success is surely above the target, FAIL if surely below, INCONCLUSIVE if neither; INVALID if
            the runs tested nothing.
        target: success rate that is asked for.
        arm: that was judged.
        reasons: why, one sentence each.
    """

    word: StressWord
    target: float
    arm: str
    reasons: tuple[str, ...]


def stress_verdict(
    target: float, clean: ArmFinding, judged: ArmFinding, untested: Sequence[str]
) -> StressVerdict:
    """Return the verdict.

    Args:
        target: success rate that is asked for.
        clean: what the clean arm showed.
        judged: what the arm showed that is held against the target.
        untested: why the runs tested nothing, one sentence each.
    """
    if untested:
        return StressVerdict("INVALID", target, judged.arm, tuple(untested))
    success = judged.success
    where = f"success {success.value:.3f} [{success.low:.3f}, {success.high:.3f}] in arm {judged.arm!r}"
    if success.low >= target:
        return StressVerdict("PASS", target, judged.arm, (f"{where}, at least {target:g}",))
    if success.high < target:
        reasons = [f"{where}, below {target:g}"]
        if clean.success.high < target:
            reasons.append("and so it is when clean: the task itself is too hard, or the agent is not set up")
        return StressVerdict("FAIL", target, judged.arm, tuple(reasons))
    return StressVerdict(
        "INCONCLUSIVE", target, judged.arm, (f"{where}: on both sides of {target:g}; more seeds would tell",)
    )


def untested_channels(arm: Arm, results: Sequence[EpisodeResult], shield_only: bool) -> Iterator[str]:
    """Yield what an arm did not test, one sentence each.

    A profile whose calls are merely slow injects nothing, and a shield has no reason to speak to a good agent: neither
    is held against a test. A fault that the recipe declares (`expectations`) is.

    Args:
        arm: which.
        results: of its runs.
        shield_only: action is nothing but a shield.
    """
    if not any(result.attempts.attempts for result in results):
        yield f"{arm.name}: no call came through the proxy; does the agent call the URL that it is given?"
        return
    if arm.name == CLEAN_ARM:
        return
    for channel in arm.exposure.channels_on:
        needs_none = channel == "transition" or (channel == "action" and shield_only)
        if not needs_none and not any(_did_something(channel, result) for result in results):
            yield f"{arm.name}: {channel} is on and never changed anything"
    if "transition" in arm.exposure.channels_on:
        never = [
            name for name in results[0].declared if not any(result.declared.get(name) for result in results)
        ]
        yield from (f"{arm.name}: {name} is declared and was never injected" for name in never)


def _did_something(channel: Channel, result: EpisodeResult) -> bool:
    match channel:
        case "transition":
            return bool(result.injected)
        case "reward":
            return bool(result.refused) or result.charged + result.timings.charged > 0
        case "action":
            return any(name.startswith(_ACTION_CHANGES) for name in result.changes)
        case "observation":
            return any(not name.startswith(_ACTION_CHANGES) for name in result.changes)
