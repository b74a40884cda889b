"""What the runs of a stress test say about an agent: success by arm, and what each channel takes from it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from earthwire.grounding.stress.arms import ALL_ARM, CLEAN_ARM, Arm
from earthwire.grounding.stress.episode_result import EpisodeResult
from earthwire.grounding.stress.rates import Estimate, SeedScores, paired_gap, paired_mean_gap, success_rate
from earthwire.grounding.stress.repeatability import pass_all
from earthwire.traces.clients.attempts import AttemptCounts

PASS_ALL_MOST = 16
"""Largest k of pass^k."""


class ArmFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What one arm showed.

    Attributes:
        arm: its name.
        multiple: of the channels that are on.
        success: share of tasks that succeeded.
        pass_all: pass^k by k.
        reward: R' of a run, on average.
        attempts: of all runs together.
        attempts_per_success: None without a success.
        cost_per_success: at the recipe's prices; seconds of a real clock are left out. None without a success.
        refused: calls that were refused because a budget was spent.
        injected: faults by outcome kind.
        changes: what channels did, by name.
    """

    arm: str
    multiple: float
    success: Estimate
    pass_all: dict[int, float]
    reward: float
    attempts: AttemptCounts
    attempts_per_success: float | None
    cost_per_success: float | None
    refused: int
    injected: dict[str, int]
    changes: dict[str, int]


class Gap(msgspec.Struct, frozen=True):
    """What an arm takes from the agent, seed by seed.

    Attributes:
        arm: its name.
        success: clean success rate less the arm's.
        reward: clean R' less the arm's.
        share: of the gap of all channels together at the same multiple; None where there is no such gap.
    """

    arm: str
    success: Estimate
    reward: Estimate
    share: float | None


def seed_scores(results: Iterable[EpisodeResult]) -> SeedScores:
    """Return tasks that succeeded, and tasks, by seed."""
    return {result.seed: (result.succeeded, len(result.tasks)) for result in results}


def arm_finding(arm: Arm, results: Sequence[EpisodeResult]) -> ArmFinding:
    """Return what an arm showed.

    Args:
        arm: which.
        results: of its runs, one a seed; at least one.
    """
    attempts = AttemptCounts()
    injected: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    for result in results:
        attempts.add(result.attempts)
        injected.update(result.injected)
        changes.update(result.changes)
    successes = sum(result.succeeded for result in results)
    cost = sum(result.spent for result in results)
    return ArmFinding(
        arm=arm.name,
        multiple=arm.multiple,
        success=success_rate(seed_scores(results)),
        pass_all=pass_all(_outcomes_by_task(results), PASS_ALL_MOST),
        reward=sum(result.total_reward for result in results) / len(results),
        attempts=attempts,
        attempts_per_success=attempts.attempts / successes if successes else None,
        cost_per_success=cost / successes if successes else None,
        refused=sum(result.refused for result in results),
        injected=dict(sorted(injected.items())),
        changes=dict(sorted(changes.items())),
    )


def gaps(arms: Sequence[Arm], results: Mapping[str, Sequence[EpisodeResult]]) -> tuple[Gap, ...]:
    """Return what each arm but the clean one takes from the agent.

    Args:
        arms: in the order of the result.
        results: by name of the arm; the clean one is among them.
    """
    clean = results[CLEAN_ARM]
    perturbed = [arm for arm in arms if arm.name != CLEAN_ARM]
    success = {arm.name: paired_gap(seed_scores(clean), seed_scores(results[arm.name])) for arm in perturbed}
    together = {arm.multiple: success[arm.name].value for arm in perturbed if arm.kind == ALL_ARM}
    return tuple(
        Gap(
            arm.name,
            success[arm.name],
            paired_mean_gap(_rewards(clean), _rewards(results[arm.name])),
            _share(success[arm.name].value, together.get(arm.multiple)),
        )
        for arm in perturbed
    )


def _rewards(results: Iterable[EpisodeResult]) -> dict[int, float]:
    return {result.seed: result.total_reward for result in results}


def _share(gap: float, together: float | None) -> float | None:
    return gap / together if together is not None and together > 0 else None


def _outcomes_by_task(results: Iterable[EpisodeResult]) -> dict[str, list[bool]]:
    outcomes: defaultdict[str, list[bool]] = defaultdict(list)
    for result in results:
        for task, score in result.tasks.items():
            outcomes[task].append(score.success)
    return outcomes
