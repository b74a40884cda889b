import numpy as np
import pytest

from earthwire.grounding.samples.distances import ks, over_floor


@pytest.mark.parametrize("seed", range(5))
def test_ks_is_the_largest_distance_of_the_distributions_whatever_the_ties(seed: int):
    """Counts of faults, most of them 0: no p-value is asked for, and so none can fail (warnings are errors)."""
    rng = np.random.default_rng(seed)
    a, b = rng.poisson(0.2, 150).astype(float), rng.poisson(0.5, 151).astype(float)
    slow = max(abs((a <= x).mean() - (b <= x).mean()) for x in np.concatenate((a, b)))
    assert ks(a, b) == pytest.approx(slow)


def test_samples_that_do_not_overlap_are_as_far_apart_as_can_be():
    assert ks(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0


def test_a_distance_over_no_distance_at_all() -> None:
    assert over_floor(0.3, 0.2) == pytest.approx(1.5)
    assert over_floor(0.0, 0.0) == 1.0
    assert over_floor(0.1, 0.0) == float("inf")
