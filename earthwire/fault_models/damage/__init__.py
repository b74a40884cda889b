"""Operators that damage a response: pure functions from bytes and a uniform to bytes."""

from earthwire.fault_models.damage.operators import OPERATORS, damaged, operators_of
from earthwire.fault_models.damage.payload import Damage, Numbers, Operator, Payload

__all__ = [
    "OPERATORS",
    "Damage",
    "Numbers",
    "Operator",
    "Payload",
    "damaged",
    "operators_of",
]
