"""What operators of damage work on: one response, as far as it can be damaged, and random numbers for it."""

import struct
from collections.abc import Callable
from itertools import count

import msgspec

from earthwire.fault_models.uniforms import UniformStream
from earthwire.traces.labels.label import FaultClass, HiddenClass


class Payload(msgspec.Struct, frozen=True):
    """One response on its way to the client.

    Attributes:
        body: bytes without content coding.
        content_type: header value, or None.
        missing_bytes: of the body that the head promises and that are never sent.
        earlier: body that the same request was answered with earlier, or None.
    """

    body: bytes
    content_type: str | None = None
    missing_bytes: int = 0
    earlier: bytes | None = None


class Numbers:
    """An unbounded sequence of uniforms that follows from a single one.

    Args:
        u: in (0, 1); every bit of it counts.
    """

    __slots__ = ("_values",)

    def __init__(self, u: float) -> None:
        stream = UniformStream(0, "numbers", struct.pack("<d", u).hex())
        self._values = (value for index in count() for value in stream.at(index))

    def next(self) -> float:
        """Return the next uniform, in (0, 1)."""
        return next(self._values)

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound)."""
        return min(int(self.next() * bound), bound - 1)


Damage = Callable[[Payload, Numbers, str | None], Payload | None]
"""Damages a payload, or returns None where it has nothing that could be damaged so.

The third argument aims the damage: a JSON path, or the fraction of the body that is to come; None leaves it open.
"""


class Operator(msgspec.Struct, frozen=True):
    """One way to damage a response.

    Attributes:
        name: unique among all operators.
        fault_class: what the classifier calls the result, or a class that it cannot see.
        damage: does it.
    """

    name: str
    fault_class: FaultClass | HiddenClass
    damage: Damage
