from collections import Counter

import pytest

from earthwire.fault_models.damage import OPERATORS, operators_of
from earthwire.fault_models.laws.payload import CLASS_OF_KIND, CUT_BINS, PayloadLaw, cut_bin, drift_rate
from earthwire.traces.labels.json_shape import PathCounts, Shape
from earthwire.traces.labels.outcome_kind import outcome_kind, refinement_of_kind

GRID = [(i + 0.5) / 1000 for i in range(1000)]


def test_cuts_come_back_as_they_were_recorded() -> None:
    law = PayloadLaw(cuts=(500, *[0] * (CUT_BINS - 2), 499))
    bins = Counter(cut_bin(law.fraction(u)) for u in GRID)
    # 1000 draws at p = 1/2: standard deviation 16; the prior adds 1 in 1000.
    assert abs(bins[0] - 500) < 80
    assert bins[0] + bins[CUT_BINS - 1] >= 990


def test_where_no_cut_was_recorded_all_parts_are_equally_likely() -> None:
    assert PayloadLaw().fraction(0.3) == 0.3


def test_recorded_damage_outweighs_what_is_assumed() -> None:
    law = PayloadLaw(operators={"json_malformed": {"nan": 99}})
    names = Counter(law.damage("json_malformed", u, 0.0).operator for u in GRID)
    assert names["nan"] > 950
    assumed = Counter(PayloadLaw().damage("json_malformed", u, 0.0).operator for u in GRID)
    assert set(assumed) == {one.name for one in operators_of("json_malformed")}


def test_drift_aims_at_members_that_are_nearly_always_there() -> None:
    paths = {
        "$": PathCounts(100, 100, {"object": 100}),
        "$.id": PathCounts(100, 100, {"number": 100}),
        "$.name": PathCounts(100, 96, {"string": 96}),
        "$.note": PathCounts(100, 30, {"string": 30}),
    }
    law = PayloadLaw(shape=Shape(100, paths))
    steps = [law.damage("schema_drift", u, 0.0) for u in GRID]
    aims = Counter(step.aim for step in steps if step.operator == "drift_missing")
    assert set(aims) == {"$.id", "$.name"}
    assert aims["$.name"] > aims["$.id"]


def test_drift_rates_are_posterior_means() -> None:
    counts = PathCounts(99, 90, {"null": 9, "string": 80, "number": 1})
    assert drift_rate(counts, "drift_missing") == pytest.approx(9.5 / 100)
    assert drift_rate(counts, "drift_null") == pytest.approx(9.5 / 91)
    assert drift_rate(counts, "drift_type") == pytest.approx(1.5 / 91)


@pytest.mark.parametrize(("kind", "fault_class"), CLASS_OF_KIND.items())
def test_kinds_with_damage_come_back_from_their_records(kind: str, fault_class: str) -> None:
    outcome = kind.partition(":")[0]
    assert outcome in ("malformed", "semantic_error")
    assert outcome_kind(outcome, 200, "json_object", None, refinement_of_kind(kind)) == kind
    assert any(one.fault_class == fault_class for one in OPERATORS.values())
