"""What came of one run of an agent: its tasks, its calls, and what they cost."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from earthwire.fault_models.conditions.exposure import Exposure
from earthwire.fault_models.reward.facts import Ledgers, was_refused_for_budget
from earthwire.fault_models.runs.run_check import Expectations, check_run
from earthwire.traces.clients.attempts import AttemptCounts, AttemptTally
from earthwire.traces.record import TraceRecord

Ending = Literal["exited", "killed", "out of time"]
_TIMED_CHARGE = "seconds"
_COST_DIGITS = 9


class TaskScore(msgspec.Struct, frozen=True):
    """What an agent made of one task.

    Attributes:
        success: it solved it.
        reward: that the task gave.
    """

    success: bool
    reward: float


class EpisodeTimings(msgspec.Struct, frozen=True):
    """What depends on how long things took, and so differs from one time to the next.

    Attributes:
        elapsed_s: from start to end of the agent.
        spent: price of the seconds of its calls.
        charged: what of it was taken from its reward.
    """

    elapsed_s: float = 0.0
    spent: float = 0.0
    charged: float = 0.0


class EpisodeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an agent.

    Attributes:
        exposure: how much of each channel it met.
        seed: of all draws.
        tasks: by name; a run of one task has it under an empty name.
        ending: how its process ended.
        exit_code: None if it ran out of time.
        attempts: of its calls; those refused for a spent budget are among them.
        refused: calls that were refused because the budget was spent.
        injected: faults by outcome kind.
        changes: what channels did, by name.
        declared: how often each fault was injected that the recipe declares, by its name.
        spent: by the prices of the recipe, whether or not the agent was charged.
        charged: what was taken from its reward.
        shaping: what a potential added to its reward.
        timings: what of the above depends on how long things took.
    """

    exposure: Exposure
    seed: int
    tasks: dict[str, TaskScore]
    ending: Ending
    exit_code: int | None
    attempts: AttemptCounts
    refused: int
    injected: dict[str, int]
    changes: dict[str, int]
    spent: float
    charged: float
    shaping: float
    timings: EpisodeTimings
    declared: dict[str, int] = {}

    @property
    def succeeded(self) -> int:
        """Tasks that succeeded."""
        return sum(score.success for score in self.tasks.values())

    @property
    def total_reward(self) -> float:
        """R' of the run: reward of its tasks less what was charged, beside the price of seconds of a real clock."""
        return sum(score.reward for score in self.tasks.values()) - self.charged + self.shaping


class CallFindings(msgspec.Struct, frozen=True):
    """What the recorded calls of a run show; the fields are those of `EpisodeResult`."""

    attempts: AttemptCounts
    refused: int
    injected: dict[str, int]
    changes: dict[str, int]
    spent: float
    charged: float
    shaping: float
    timed_spent: float
    timed_charged: float
    declared: dict[str, int]


def findings_of_calls(
    records: Sequence[TraceRecord],
    prices: Ledgers | None,
    charges: Ledgers | None,
    time_is_virtual: bool,
    expected: Expectations | None = None,
) -> CallFindings:
    """Return what the recorded calls of one run show.

    Args:
        records: of the run, in the order in which calls ended.
        prices: empty ledgers at the recipe's own prices; None if it has none.
        charges: empty ledgers at the prices that the run was charged; None if it was charged nothing.
        time_is_virtual: seconds were drawn and not measured, so that their price is the same every time.
        expected: what the recipe declares, if it declares anything.
    """
    tally = AttemptTally()
    for record in records:
        tally.add(record)
        for ledgers in (prices, charges):
            if ledgers is not None:
                ledgers.add(record)
    check = check_run(records, expected or Expectations())
    spent, timed_spent, _ = _totals(prices, time_is_virtual)
    charged, timed_charged, shaping = _totals(charges, time_is_virtual)
    return CallFindings(
        attempts=tally.counts(),
        refused=sum(map(was_refused_for_budget, records)),
        injected=dict(sorted(check.injected.items())),
        changes=dict(sorted(check.changes.items())),
        spent=spent,
        charged=charged,
        shaping=shaping,
        timed_spent=timed_spent,
        timed_charged=timed_charged,
        declared=check.declared,
    )


def _totals(ledgers: Ledgers | None, time_is_virtual: bool) -> tuple[float, float, float]:
    """Return the costs that are the same every time, the others, and the shaping."""
    costs: Counter[str] = Counter()
    shaping = 0.0
    for _, ledger in () if ledgers is None else ledgers.all():
        reward = ledger.reward(0.0)
        costs.update(reward.costs)
        shaping += reward.shaping
    timed = 0.0 if time_is_virtual else costs.pop(_TIMED_CHARGE, 0.0)
    # Charges are added in an order that depends on which call ended first.
    return round(sum(costs.values()), _COST_DIGITS), timed, round(shaping, _COST_DIGITS)
