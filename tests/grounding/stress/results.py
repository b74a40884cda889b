"""Runs of agents that never ran, for tests."""

from earthwire.fault_models.conditions.exposure import CLEAN, Exposure
from earthwire.grounding.stress import EpisodeResult, EpisodeTimings, TaskScore
from earthwire.traces.clients.attempts import AttemptCounts


def result(
    seed: int,
    *successes: bool,
    exposure: Exposure = CLEAN,
    attempts: int = 5,
    spent: float = 0.0,
    charged: float = 0.0,
    refused: int = 0,
    injected: dict[str, int] | None = None,
    changes: dict[str, int] | None = None,
    declared: dict[str, int] | None = None,
) -> EpisodeResult:
    """Return a run with one task for each success or failure."""
    return EpisodeResult(
        exposure=exposure,
        seed=seed,
        tasks={f"t{number}": TaskScore(success, float(success)) for number, success in enumerate(successes)},
        ending="exited",
        exit_code=0,
        attempts=AttemptCounts(attempts=attempts, logical_calls=attempts),
        refused=refused,
        injected=injected or {},
        changes=changes or {},
        spent=spent,
        charged=charged,
        shaping=0.0,
        timings=EpisodeTimings(1.0),
        declared=declared or {},
    )
