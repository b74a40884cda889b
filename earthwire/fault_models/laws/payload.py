"""The payload law of one tool: what its good bodies look like, how bodies break, and which headers come with them.

What the traces did not show is assumed, with the weight of one observation spread evenly: where nothing was seen, all
operators of a class are equally likely and a body is cut anywhere.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from earthwire.fault_models.damage.operators import operators_of
from earthwire.fault_models.damage.payload import Numbers
from earthwire.fault_models.plan import RelayDamaged
from earthwire.traces.labels.json_shape import ROOT, PathCounts, Shape
from earthwire.traces.labels.label import FaultClass, HiddenClass

CUT_BINS = 11
"""Nothing at all, then ten equal parts of (0, 1]."""

DRIFTING_SHARE_MIN = 0.95
"""A member that is there less often is optional: that it is missing is no drift."""

_PRIOR_WEIGHT = 1.0
_JEFFREYS = 0.5

CLASS_OF_KIND: Final[Mapping[str, FaultClass | HiddenClass]] = {
    "malformed:invalid_json": "json_malformed",
    "malformed:encoding": "mojibake",
    "malformed:content_type": "wrong_content_type",
    "malformed:stream": "sse_disconnect",
    "semantic_error:stream": "sse_error_midstream",
    "semantic_error:schema_drift": "schema_drift",
    "semantic_error:duplicates": "duplicate_results",
    "semantic_error:partial": "partial_results",
    "semantic_error:oversize": "oversize",
    "semantic_error:stale": "stale",
}
"""Outcome kinds that damage the upstream's real body, and the class of the damage."""


class PayloadLaw(msgspec.Struct, frozen=True):
    """What is known of a tool's bodies.

    Attributes:
        shape: of its good JSON bodies, or None where none was kept.
        cuts: bodies that were cut, by the part that came: `CUT_BINS` counts, or none.
        operators: recorded damage by fault class and operator.
        headers: headers that all of its responses carry, whatever their status.
        header_count: responses whose headers were kept.
    """

    shape: Shape | None = None
    cuts: tuple[int, ...] = ()
    operators: dict[str, dict[str, int]] = {}
    headers: dict[str, str] = {}
    header_count: int = 0

    def fraction(self, u: float) -> float:
        """Return the part of a body that comes before it is cut, in [0, 1)."""
        if not self.cuts:
            return u
        weights = {str(i): count + _PRIOR_WEIGHT / CUT_BINS for i, count in enumerate(self.cuts)}
        numbers = Numbers(u)
        chosen = int(_pick(weights, numbers.next()))
        return 0.0 if chosen == 0 else (chosen - 1 + numbers.next()) / (CUT_BINS - 1)

    def damage(self, fault_class: FaultClass | HiddenClass, u: float, last_byte_s: float) -> RelayDamaged:
        """Return the step that damages the upstream's body.

        Args:
            fault_class: what to bring about.
            u: in (0, 1); decides the operator, and in the step all that it leaves open.
            last_byte_s: when the last byte is due.
        """
        counts = self.operators.get(fault_class, {})
        known = operators_of(fault_class)
        weights = {one.name: counts.get(one.name, 0) + _PRIOR_WEIGHT / len(known) for one in known}
        numbers = Numbers(u)
        name = _pick(weights, numbers.next())
        aim = self._drifting_path(name, numbers.next()) if fault_class == "schema_drift" else None
        return RelayDamaged(name, numbers.next(), last_byte_s, aim)

    def _drifting_path(self, operator: str, u: float) -> str | None:
        """Return the member that drifts, by the posterior mean of the rate at which it did; None to leave it open."""
        if self.shape is None or operator == "drift_extra":
            return None
        weights = {
            path: drift_rate(counts, operator)
            for path, counts in self.shape.paths.items()
            if path != ROOT
            and not path.endswith("[]")
            and counts.present >= DRIFTING_SHARE_MIN * counts.of > 0
        }
        return _pick(weights, u) if weights else None


NO_PAYLOAD_LAW: Final = PayloadLaw()


def shape_of_counts(
    bodies: int, paths: Mapping[str, tuple[int, int, dict[str, int]]], complete: bool
) -> Shape:
    """Return a shape from its numbers: by path how often it could have been there, how often it was, and its types."""
    return Shape(bodies, {path: PathCounts(*counts) for path, counts in paths.items()}, complete)


def drift_rate(counts: PathCounts, operator: str) -> float:
    """Return the posterior mean of a drift rate: Beta with Jeffreys' prior, (k + 1/2) / (n + 1)."""
    if operator in ("drift_missing", "drift_renamed"):
        return (counts.of - counts.present + _JEFFREYS) / (counts.of + 1)
    seen = sum(counts.types.values())
    if operator == "drift_null":
        return (counts.types.get("null", 0) + _JEFFREYS) / (seen + 1)
    usual = max(counts.types.values(), default=0)
    return (seen - counts.types.get("null", 0) - usual + _JEFFREYS) / (seen + 1) if usual else _JEFFREYS


def cut_bin(fraction: float) -> int:
    """Return the bin of `PayloadLaw.cuts` that a fraction in [0, 1] falls into.

    >>> cut_bin(0.0), cut_bin(0.01), cut_bin(1.0)
    (0, 1, 10)
    """
    return 0 if fraction <= 0 else min(int(fraction * (CUT_BINS - 1)) + 1, CUT_BINS - 1)


def _pick(weights: Mapping[str, float], u: float) -> str:
    left = u * sum(weights.values())
    chosen = ""
    for name, weight in weights.items():
        chosen = name
        left -= weight
        if left < 0:
            break
    return chosen
