"""All operators of damage, in one ordered place, and their use."""

from collections.abc import Mapping
from typing import Final

from earthwire.fault_models.damage.broken_json import BROKEN_JSON
from earthwire.fault_models.damage.cut import CUT
from earthwire.fault_models.damage.drift import DRIFT
from earthwire.fault_models.damage.encoding import ENCODING
from earthwire.fault_models.damage.payload import Numbers, Operator, Payload
from earthwire.fault_models.damage.replace import REPLACE
from earthwire.fault_models.damage.rows import ROWS
from earthwire.fault_models.damage.stream import STREAM
from earthwire.traces.labels.label import FaultClass, HiddenClass

OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator for operator in (*CUT, *BROKEN_JSON, *REPLACE, *DRIFT, *ENCODING, *STREAM, *ROWS)
}
"""Every operator by name, in the order in which they stand in for one another."""


def operators_of(fault_class: FaultClass | HiddenClass) -> tuple[Operator, ...]:
    """Return the operators of a class, in their order."""
    return tuple(operator for operator in OPERATORS.values() if operator.fault_class == fault_class)


def damaged(payload: Payload, name: str, u: float, aim: str | None = None) -> Payload | None:
    """Damage a response; None where nothing about it can be damaged so.

    A body that an operator finds nothing in, such as one without a number for ``nan``, gets another damage of the
    same class; so does one that lacks the path that was aimed at.

    Args:
        payload: the response; it is left as it is.
        name: of the operator.
        u: in (0, 1); decides all that is open.
        aim: JSON path or fraction, or None.

    Raises:
        KeyError: if there is no operator of that name.
    """
    chosen = OPERATORS[name]
    result = chosen.damage(payload, Numbers(u), aim)
    for other in () if result is not None else operators_of(chosen.fault_class):
        result = other.damage(payload, Numbers(u), None)
        if result is not None:
            break
    return result
