import numpy as np
import pytest

from benchmarks.verdict_rates import another_third, slower, verdicts
from earthwire.grounding.gap.auc_excess import AUC_EXCESS_MAX, AucExcess
from tests.grounding.synthetic import make_calls


def test_a_floor_below_one_half_counts_as_one_half():
    assert AucExcess.of("AUC", [0.55, 0.55], [0.45, 0.53]).mean == pytest.approx((0.05 + 0.02) / 2)


def test_the_bound_is_that_of_student():
    """Of 1, 2, 3, 4, 5 hundredths: mean 3, standard error √(2.5 / 5) = 0.7071, t(0.95, 4 degrees) = 2.1318."""
    excess = AucExcess.of("AUC", np.arange(0.51, 0.555, 0.01), [0.5] * 5)
    assert excess.mean == pytest.approx(0.03)
    assert excess.high == pytest.approx(0.03 + 0.02131847 * np.sqrt(0.5))


@pytest.mark.parametrize(
    ("auc", "failures", "unresolved"),
    [([0.5, 0.51, 0.52], 0, 0), ([0.40, 0.51, 0.62], 0, 1), ([0.6, 0.61, 0.62], 1, 0), ([0.54], 0, 0)],
)
def test_what_is_surely_low_passes_and_what_is_high_fails(auc: list[float], failures: int, unresolved: int):
    excess = AucExcess.of("AUC", auc, [0.5] * len(auc))
    assert (len(excess.failures()), len(excess.unresolved())) == (failures, unresolved)


def test_the_sentence_holds_the_bound():
    assert f"more than {AUC_EXCESS_MAX}" in AucExcess.of("AUC", [0.7, 0.7], [0.5, 0.5]).failures()[0]


def test_another_part_of_reality_is_not_called_a_failure():
    """One report of five splits; the benchmark has none among twenty on recorded calls."""
    calls = make_calls(sessions=90, calls_per_session=8)
    assert [verdict for verdict, _ in verdicts(calls, another_third, reports=1, seed=3)] != ["fail"]


def test_reality_made_slower_by_a_fifth_is_called_a_failure():
    """The power of the rule: half of the calls scatter by 0.4 in log latency, so that 0.18 is seen by all means."""
    calls = make_calls(sessions=80, calls_per_session=12)
    assert [verdict for verdict, _ in verdicts(calls, slower, reports=1, seed=4)] == ["fail"]
