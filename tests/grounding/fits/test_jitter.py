import numpy as np
import pytest

from earthwire.fault_models.laws.dependence import Dependence
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fits.jitter import JitterFit, fit_jitter
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import calls_of, make_calls

SESSIONS, TOOLS, CALLS = 240, 3, 20


def recorded(jitter: np.ndarray, contrast: float, seed: int = 0) -> tuple[Calls, np.ndarray]:
    """Calls, and normal scores with this q in each session and this contrast of its tools; t = 0.2, a = 0."""
    rng = np.random.default_rng(seed)
    shape = (len(jitter), TOOLS)
    variance = 1 + contrast * rng.choice([-1.0, 1.0], shape)
    inner = jitter[:, None, None] * np.sqrt(0.8 * variance)[:, :, None] * rng.normal(size=(*shape, CALLS))
    scores = (np.sqrt(0.2) * rng.normal(size=shape)[:, :, None] + inner).reshape(-1)
    rows = [(f"s{s:03d}", f"t{t}") for s in range(len(jitter)) for t in range(TOOLS) for _ in range(CALLS)]
    calls = calls_of([tool for _, tool in rows], [s for s, _ in rows], ["ok"] * len(rows), np.ones(len(rows)))
    return calls, scores


def fitted(jitter: np.ndarray, contrast: float, seed: int = 0) -> JitterFit:
    calls, scores = recorded(jitter, contrast, seed)
    session = np.repeat(np.arange(len(jitter)), TOOLS * CALLS)
    return fit_jitter(calls, session, scores, np.ones(len(jitter)), Dependence(tool_share=0.2))


@pytest.mark.parametrize("seed", range(3))
def test_restless_sessions_are_told_from_calm_ones(seed: int):
    """q is 0.5 or 1.5: log q lies 0.55 off its middle.

    57 differences a session have the noise trigamma(19) of log q², so that log q is off by 0.12 a session; of 240
    sessions the spread is known within 0.12 / √480 = 0.005 and the noise of sampling them, 0.02.
    """
    truth = np.tile([0.5, 1.5], SESSIONS // 2)
    found = fitted(truth, 0.0, seed)
    assert np.corrcoef(np.log(found.session), np.log(truth))[0, 1] > 0.95
    assert np.log(found.session).std() == pytest.approx(0.55, abs=0.06)
    assert np.mean(found.session**2) == pytest.approx(np.mean(truth**2), rel=0.1)
    assert found.contrast < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_the_contrast_of_tools_in_a_session_is_recovered(seed: int):
    """atanh(0.6) = 0.69; 720 cells with noise trigamma(19 / 3) = 0.17 know its square within 0.03, d within 0.02."""
    found = fitted(np.ones(SESSIONS), 0.6, seed)
    assert found.contrast == pytest.approx(0.6, abs=0.08)
    assert np.log(found.session).std() < 0.15


@pytest.mark.parametrize("seed", range(3))
def test_sessions_that_are_alike_show_no_jitter(seed: int):
    """Negative control: what remains are means of 0 with a variance of 0.17 / √720 = 0.006, hence d below 0.15."""
    found = fitted(np.ones(SESSIONS), 0.0, seed)
    assert found.contrast < 0.15
    assert np.log(found.session).std() < 0.08
    assert np.median(found.session) == pytest.approx(1.0, abs=0.05)


def test_calls_that_all_take_equally_long_are_no_trouble():
    calls, scores = recorded(np.ones(40), 0.0)
    session = np.repeat(np.arange(40), TOOLS * CALLS)
    found = fit_jitter(calls, session, 0.0 * scores, np.ones(40), Dependence(tool_share=0.2))
    assert np.isfinite(found.session).all()
    assert 0.0 <= found.contrast < 1.0


def test_too_few_pairs_say_nothing():
    calls, scores = recorded(np.ones(2), 0.0)
    few = calls.part(0, 30)
    found = fit_jitter(few, np.zeros(30, np.int64), scores[:30], np.ones(1), Dependence())
    assert (found.session.tolist(), found.contrast) == ([1.0], 0.0)


def test_a_profile_says_how_restless_sessions_were():
    """Every other session's calls scatter three times as widely, whatever the tool."""
    parts = make_calls(sessions=60, noise_sd=0.2), make_calls(sessions=60, noise_sd=0.6, seed=1)
    sessions = [part.session_names[s] for part in parts for s in part.session]
    calls = calls_of(
        [part.tool_names[t] for part in parts for t in part.tool],
        sessions,
        ["ok"] * len(sessions),
        np.concatenate([part.latency_s for part in parts]),
    )
    levels = calibrate(calls, engine="compact", has_intervals=False).overall.session_levels
    assert levels is not None
    local = np.array(levels.spreads) * (np.array(levels.jitters) if levels.jitters else 1.0)
    assert np.quantile(local, 0.9) / np.quantile(local, 0.1) > 2.0
