"""The ledger of one episode: every charge by its name, what is left of the budget, and the reward less the costs.

``R' = R - w Σ costs + Σ F``, with w the weight of costs and F the shaping of each step.
"""

from collections import OrderedDict

import msgspec

from earthwire.fault_models.reward.prices import CallFacts, ChargeName, Penalties, PriceTable, usage_charges
from earthwire.fault_models.reward.shaping import Potential, ShapedSteps

WAITING_TOOLS_MAX = 1_000
"""Bound on the tools whose ``Retry-After`` is remembered."""


class Budget(msgspec.Struct, frozen=True):
    """What an episode may spend; None where a quantity has no bound.

    Attributes:
        cost_max: charges together.
        calls_max: calls.
        tokens_max: tokens, read and written.
        latency_s_max: seconds that calls took together.
        refusal_status: HTTP status of what is refused then.
    """

    cost_max: float | None = None
    calls_max: int | None = None
    tokens_max: int | None = None
    latency_s_max: float | None = None
    refusal_status: int = 429


class Spending(msgspec.Struct):
    """What an episode has spent so far.

    Attributes:
        calls, tokens, body_bytes: quantities.
        latency_s: of all calls together.
        charges: by name.
        refused: calls that were refused because the budget was spent.
    """

    calls: int = 0
    tokens: int = 0
    body_bytes: int = 0
    latency_s: float = 0.0
    charges: dict[ChargeName, float] = {}
    refused: int = 0

    @property
    def cost(self) -> float:
        """All charges together."""
        return sum(self.charges.values())


class Reward(msgspec.Struct, frozen=True):
    """The task's reward and what becomes of it.

    Attributes:
        task: R, as the task gave it.
        costs: each charge times the weight of costs.
        shaping: Σ F.
        total: R'.
    """

    task: float
    costs: dict[ChargeName, float]
    shaping: float
    total: float


class Ledger:
    """Takes the calls of one episode as they end.

    Attributes:
        spending: so far.

    Args:
        prices: of all tools.
        penalties: for what an agent should not do.
        budget: what it may spend, or None.
        cost_weight: w.
        potential: for shaping, or None.
    """

    def __init__(
        self,
        prices: PriceTable,
        penalties: Penalties = Penalties(),  # noqa: B008  # it is frozen
        budget: Budget | None = None,
        cost_weight: float = 1.0,
        potential: Potential | None = None,
    ) -> None:
        self.spending = Spending()
        self._prices = prices
        self._penalties = penalties
        self._budget = budget
        self._cost_weight = cost_weight
        self._shaping = None if potential is None else ShapedSteps(potential)
        self._not_before_s: OrderedDict[str, float] = OrderedDict()

    def add(self, call: CallFacts) -> dict[ChargeName, float]:
        """Take a call that is over; return its charges."""
        charges = usage_charges(self._prices.price(call.tool), call)
        if call.repeats_effect:
            charges["duplicate_effects"] = self._penalties.duplicate_effect
        if call.start_s < self._not_before_s.get(call.tool, call.start_s):
            charges["ignored_retry_after"] = self._penalties.ignored_retry_after
        self._remember_wait(call)
        if self._shaping is not None:
            self._shaping.step(call.tool, call.succeeded)
        spending = self.spending
        spending.calls += 1
        spending.tokens += call.input_tokens + call.output_tokens
        spending.body_bytes += call.body_bytes
        spending.latency_s += call.latency_s
        for name, charge in charges.items():
            spending.charges[name] = spending.charges.get(name, 0.0) + charge
        return charges

    @property
    def refusal_status(self) -> int | None:
        """HTTP status of calls that the budget refuses; None without a budget."""
        return None if self._budget is None else self._budget.refusal_status

    def limit(self, budget: Budget) -> None:
        """Let a budget count instead of the one that it has."""
        self._budget = budget

    def exceeded(self) -> str | None:
        """Return which bound of the budget is reached, None if there is room for a further call."""
        budget, spending = self._budget, self.spending
        if budget is None:
            return None
        bounds = (
            ("cost", spending.cost, budget.cost_max),
            ("calls", spending.calls, budget.calls_max),
            ("tokens", spending.tokens, budget.tokens_max),
            ("latency", spending.latency_s, budget.latency_s_max),
        )
        return next((name for name, spent, most in bounds if most is not None and spent >= most), None)

    def reward(self, task: float) -> Reward:
        """Return R' for a task reward R, with each of its terms."""
        costs = {name: self._cost_weight * charge for name, charge in self.spending.charges.items() if charge}
        shaping = 0.0 if self._shaping is None else self._shaping.total
        return Reward(task, costs, shaping, task - sum(costs.values()) + shaping)

    def _remember_wait(self, call: CallFacts) -> None:
        if call.retry_after_s is None:
            return
        self._not_before_s[call.tool] = call.end_s + call.retry_after_s
        self._not_before_s.move_to_end(call.tool)
        if len(self._not_before_s) > WAITING_TOOLS_MAX:
            self._not_before_s.popitem(last=False)
