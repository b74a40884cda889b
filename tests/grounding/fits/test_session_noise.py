import numpy as np
import pytest

from earthwire.fault_models import Dependence
from earthwire.grounding.fits.session_noise import session_noise
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import calls_of


def drawn(dependence: Dependence, calls_of_tool: list[int], repeats: int, seed: int) -> np.ndarray:
    """Scores of sessions of level 0 and spread 1, tool by tool, shape (repeats, n_calls)."""
    rng = np.random.default_rng(seed)
    tool_weight, level_weight, noise_weight = dependence.weights()
    memory = dependence.level_memory
    parts = []
    for n in calls_of_tool:
        slow = np.empty((repeats, n))
        slow[:, 0] = rng.standard_normal(repeats)
        for k in range(1, n):
            slow[:, k] = memory * slow[:, k - 1] + np.sqrt(1 - memory**2) * rng.standard_normal(repeats)
        common = rng.standard_normal((repeats, 1))
        noise = rng.standard_normal((repeats, n))
        parts.append(tool_weight * common + level_weight * slow + noise_weight * noise)
    return np.concatenate(parts, axis=1)


def one_session(calls_of_tool: list[int]) -> Calls:
    tools = [f"t{i}" for i, n in enumerate(calls_of_tool) for _ in range(n)]
    return calls_of(tools, ["s"] * len(tools), ["ok"] * len(tools), np.ones(len(tools)))


@pytest.mark.parametrize("calls_of_tool", [[12], [10, 10], [30, 2, 1], [5, 4, 3, 2, 1]])
@pytest.mark.parametrize(
    "dependence", [Dependence(), Dependence(0.6), Dependence(0.2, 0.5, 0.8)], ids=["none", "tool", "both"]
)
def test_noise_is_that_of_many_drawn_sessions(calls_of_tool: list[int], dependence: Dependence):
    """20,000 sessions: the error of a variance is 1 %, of a mean below 2 %; the bounds are four of them."""
    scores = drawn(dependence, calls_of_tool, 20_000, seed=1)
    mean = scores.mean(axis=1)
    inner = ((scores - mean[:, None]) ** 2).mean(axis=1)
    calls = one_session(calls_of_tool)
    noise = session_noise(calls, np.zeros(len(calls), dtype=np.int64), dependence)
    assert noise.mean_variance[0] == pytest.approx(mean.var(), rel=0.04)
    assert noise.inner_share[0] == pytest.approx(inner.mean(), rel=0.08)
    exact = 2 * inner.mean() ** 2 / inner.var()
    if dependence.level_share:
        # The sum over all lags stands for one over those that short runs have: too few, but never more.
        assert 0.5 * exact < noise.freedom[0] < 1.05 * exact
    else:
        assert noise.freedom[0] == pytest.approx(exact, rel=0.08)


def test_a_single_call_shows_nothing_of_its_spread():
    noise = session_noise(one_session([1]), np.zeros(1, dtype=np.int64), Dependence(0.5))
    assert noise.mean_variance.tolist() == [1.0]
    assert 0 < noise.inner_share[0] < 0.01
    assert noise.freedom.tolist() == [1.0]
