import numpy as np
import pytest
from scipy import stats

from earthwire.fault_models.laws.first_byte import SHARE_LEVELS, FirstByteLaw

SHARES = tuple(0.1 + 0.8 * level for level in SHARE_LEVELS)


def drawn(rho: float, n: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    law = FirstByteLaw(100, SHARES, rho)
    rank, u = np.random.default_rng(1).random((2, n))
    return rank, np.array([law.share(r, v) for r, v in zip(rank, u, strict=True)])


@pytest.mark.parametrize("rho", [-0.8, 0.0, 0.6])
def test_the_share_has_its_own_distribution_whatever_its_correlation(rho: float):
    """Uniform on [.1, .9], its outer percents put at their bounds: KS at 4,000 draws is below .031 (α = .001) + .01."""
    _, share = drawn(rho)
    assert stats.kstest(share, stats.uniform(0.1, 0.8).cdf).statistic < 0.041


@pytest.mark.parametrize("rho", [-0.8, 0.0, 0.6])
def test_share_and_latency_hang_together_as_stated(rho: float):
    """Spearman's correlation of a Gaussian copula is 6/π asin(ρ/2); its standard error here is about .016."""
    rank, share = drawn(rho)
    assert stats.spearmanr(rank, share)[0] == pytest.approx(6 / np.pi * np.arcsin(rho / 2), abs=0.065)


@pytest.mark.parametrize("rank", [0.0, 1.0])
def test_ranks_at_the_ends_are_served(rank: float):
    assert SHARES[0] <= FirstByteLaw(1, SHARES, 0.9).share(rank, 0.5) <= SHARES[-1]
