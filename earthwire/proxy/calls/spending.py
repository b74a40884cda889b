"""What episodes spend while they run, and the refusal of calls once a budget is spent."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Self

import msgspec

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import Body, Head, Plan
from earthwire.fault_models.reward.facts import BUDGET_SPENT_ATTRIBUTE, Ledgers
from earthwire.fault_models.reward.ledger import Budget, Ledger
from earthwire.fault_models.reward.prices import Price, PriceTable
from earthwire.proxy.mcp.record import mcp_record
from earthwire.proxy.recording.call_record import FinishedCall
from earthwire.proxy.recording.observed_calls import arguments_of
from earthwire.traces.record import TraceRecord

_MESSAGES: Final = {
    402: ("payment_required", "Your credit is used up. Add credit to continue."),
    403: ("quota_exceeded", "The quota of this account is used up."),
    429: ("insufficient_quota", "You exceeded your current quota. Check your plan and billing details."),
}
"""Status to the code and the sentence of a refusal, as providers of paid APIs word it."""


class Spending:
    """The ledgers of the episodes that a proxy serves.

    Costs are known when a call ends: of calls that are under way together, all pass if the first one does.

    Args:
        open_ledger: makes the empty ledger of an episode.
        refusal_status: HTTP status of calls whose budget is spent; 402, 403 or 429.
    """

    def __init__(self, open_ledger: Callable[[], Ledger], refusal_status: int) -> None:
        self._ledgers = Ledgers(open_ledger)
        self._status = refusal_status

    @classmethod
    def without_prices(cls) -> Self:
        """Return the ledgers of a proxy whose recipe has no prices: they count what budgets of episodes ask for."""
        return cls(partial(Ledger, PriceTable(Price(), {})), Budget().refusal_status)

    def begin(self, episode: str, ledger: Ledger) -> Ledger:
        """Let an episode begin with a ledger of its own, and return that."""
        self._ledgers.begin(episode, ledger)
        return ledger

    def ledger(self, episode: str) -> Ledger:
        """Return the ledger of an episode."""
        return self._ledgers.ledger(episode)

    def forget(self, episode: str) -> None:
        """Start an episode anew, with nothing spent."""
        self._ledgers.forget(episode)

    def refusal(self, episode: str) -> Drawn | None:
        """Return the plan that refuses a call; None if there is budget left."""
        ledger = self._ledgers.ledger(episode)
        bound = ledger.exceeded()
        if bound is None:
            return None
        status = ledger.refusal_status or self._status
        code, message = _MESSAGES[status]
        body = msgspec.json.encode({"error": {"code": code, "message": message, "type": code}})
        head = Head(status, (("content-type", "application/json"), ("date", "")), len(body))
        plan = Plan(f"http_4xx:{status}", 0.0, 0.0, (head, Body(body)), "assumed")
        return Drawn(0, plan, msgspec.json.encode({BUDGET_SPENT_ATTRIBUTE: bound}).decode())

    def all(self) -> Iterable[tuple[str, Ledger]]:
        """Yield episodes and their ledgers, the oldest first."""
        return self._ledgers.all()

    def add(self, call: FinishedCall) -> None:
        """Take a call that is over; one that was refused for the budget costs nothing.

        Of MCP, what its answer says counts, and only what has an answer: the same as in the recording.
        """
        is_mcp = call.context.mcp is not None
        record = mcp_record(call, keep_bodies=False) if is_mcp else call.record().trace_record()
        if record is not None:
            self.add_record(record, arguments_of(call))

    def add_record(self, record: TraceRecord, arguments: str | None) -> None:
        """Take the record of a call that is over, as `add` does.

        Args:
            record: of the call.
            arguments: equal for equal arguments; None if they are not known.
        """
        self._ledgers.add(record, arguments)
