"""The calls of one tool in one episode, in turn: what is drawn of them first is all that most of them need."""

from collections.abc import Iterator

from earthwire.fault_models.call import Call, Drawn, Foreseen
from earthwire.fault_models.simulation import Simulation

SINGLE_COUNT = 16
"""Calls that are drawn one by one before the next ones are drawn ahead: most episodes are not longer."""


class NextCalls:
    """Draws the calls of one tool in one episode; nothing else may draw them.

    Args:
        simulation: draws.
        call: the call, the same again and again.
    """

    __slots__ = ("_call", "_drawn", "_following", "_foreseen", "_simulation", "_single_left")

    def __init__(self, simulation: Simulation, call: Call) -> None:
        self._simulation = simulation
        self._call = call
        self._single_left = SINGLE_COUNT
        self._following: Iterator[Foreseen] | None = None
        self._foreseen: Foreseen | None = None
        self._drawn: Drawn | None = None

    def next(self) -> tuple[str, float]:
        """Go on to the next call; return its outcome kind and the time of its last byte, in seconds."""
        following = self._following
        if following is None:
            return self._next_single()
        self._foreseen = foreseen = next(following)
        return foreseen[1], foreseen[3]

    def drawn(self) -> Drawn:
        """Return the plan of the call that `next` went on to."""
        if self._foreseen is not None:
            return self._simulation.drawn_ahead(self._call, *self._foreseen)
        assert self._drawn is not None, "there was a next call"
        return self._drawn

    def _next_single(self) -> tuple[str, float]:
        drawn = self._drawn = self._simulation.draw(self._call)
        self._single_left -= 1
        if self._single_left == 0:
            self._following = self._simulation.ahead(self._call)
        return drawn.plan.outcome, drawn.plan.last_byte_s
