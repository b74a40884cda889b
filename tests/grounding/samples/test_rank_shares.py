import numpy as np
import pytest
from scipy import stats

from earthwire.grounding.samples.rank_shares import rank_shares


@pytest.mark.parametrize("high", [1, 5, 10**9])
def test_ranks_are_those_of_scipy(high: int) -> None:
    values = np.random.default_rng(0).integers(0, high, 200).astype(np.float64)
    np.testing.assert_array_equal(rank_shares(values), (stats.rankdata(values) - 0.5) / 200)
