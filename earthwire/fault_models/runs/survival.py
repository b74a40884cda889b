"""What a client made of one fault of the gauntlet, from its exit and the log of its calls."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from earthwire.fault_models.runs.gauntlet import GauntletFault
from earthwire.traces.clients.client_verdicts import logical_calls
from earthwire.traces.record import TraceRecord

Fate = Literal[
    "survived",
    "recovered",
    "gave up",
    "ignored the head",
    "accepted garbage",
    "hung",
    "crashed",
    "does not apply",
    "not reached",
]

GOOD_FATES: Final[dict[str, frozenset[Fate]]] = {
    "unaffected": frozenset(("survived",)),
    "try again": frozenset(("recovered",)),
    "give up": frozenset(("gave up",)),
}
"""What is wanted of a client, and the fates that are that."""

BAD_FATES: Final[frozenset[Fate]] = frozenset(("accepted garbage", "hung", "crashed"))


class Survival(msgspec.Struct, frozen=True):
    """What became of a client.

    Attributes:
        fate: in a word.
        tries: attempts of the call that met the fault.
    """

    fate: Fate
    tries: int

    @property
    def text(self) -> str:
        """The fate, with the number of tries where that says something."""
        return f"recovered after {self.tries} tries" if self.fate == "recovered" else self.fate


def survival(
    fault: GauntletFault, exit_code: int | None, crashed: bool, records: Sequence[TraceRecord]
) -> Survival:
    """Return what a client made of a fault.

    Args:
        fault: that it met.
        exit_code: of the client; None if it did not end in time.
        crashed: it ended by an error that nobody caught.
        records: of its calls.
    """
    hit = next((calls for calls in logical_calls(records) if _is_hit(calls[0], fault)), None)
    if hit is None:
        return Survival("crashed" if crashed else "not reached", 0)
    if fault.layer == "content" and hit[0].origin == "upstream":
        # Its answers are of a kind that cannot be broken like this: a stream has no comma too many.
        return Survival("does not apply", len(hit))
    tries = len(hit)
    if exit_code is None:
        return Survival("hung", tries)
    if crashed:
        return Survival("crashed", tries)
    if exit_code != 0:
        return Survival("gave up", tries)
    if fault.wanted == "unaffected":
        return Survival("survived", tries)
    if tries > 1 and hit[-1].outcome == "ok":
        return Survival("recovered", tries)
    if fault.body_is_true:
        return Survival("ignored the head", tries)
    return Survival("accepted garbage" if fault.layer == "content" else "gave up", tries)


def _is_hit(record: TraceRecord, fault: GauntletFault) -> bool:
    return record.plan_outcome == fault.plan.outcome
