import numpy as np
import pytest

from earthwire.fault_models import Call, Dependence, Profile, SessionLevels, Simulation
from earthwire.grounding import calibrate
from earthwire.grounding.fits.ranks import cross_fitted_scores, session_folds
from earthwire.grounding.fits.sessions import SESSIONS_KEPT_MAX, fit_sessions, session_levels
from earthwire.grounding.simulated import simulate
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import calls_of, make_calls


def simulated(dependence: Dependence, levels: SessionLevels, sessions: int, calls: int) -> Calls:
    """Calls of two rich tools with known dependence."""
    plain = calibrate(make_calls(sessions=100, session_sd=0.0, tools=2, fault_rate=0.0))
    tools = {name: _with_levels(laws, levels) for name, laws in plain.tools.items()}
    simulation = Simulation(Profile(tools, plain.overall, dependence), seed=5)
    names = sorted(tools)
    rows = [(f"s{s}", names[k % 2]) for s in range(sessions) for k in range(calls)]
    latency_s = np.array([simulation.draw(Call(s, tool)).plan.last_byte_s for s, tool in rows])
    return calls_of([tool for _, tool in rows], [s for s, _ in rows], ["ok"] * len(rows), latency_s)


def _with_levels(laws, levels):
    import msgspec

    return msgspec.structs.replace(laws, session_levels=levels, resolution_s=0.0)


def test_dependence_inside_sessions_is_recovered():
    """t = 0.2, a = 0.5, φ = 0.8, from 300 sessions of 60 calls.

    Over eight seeds the means were 0.19, 0.51, 0.79 and the standard deviations 0.05, 0.03, 0.03; the bounds are three
    of them.
    """
    truth = Dependence(tool_share=0.2, level_share=0.5, level_memory=0.8)
    calls = simulated(truth, SessionLevels(1, (0.0,), (1.0,)), sessions=300, calls=60)
    found = fit_sessions(calls, cross_fitted_scores(calls)).dependence
    assert found.tool_share == pytest.approx(0.2, abs=0.15)
    assert found.level_share == pytest.approx(0.5, abs=0.10)
    assert found.level_memory == pytest.approx(0.8, abs=0.09)


def test_independent_calls_show_no_dependence():
    calls = simulated(Dependence(), SessionLevels(1, (0.0,), (1.0,)), sessions=300, calls=40)
    fit = fit_sessions(calls, cross_fitted_scores(calls))
    correlation_of_neighbours = (
        fit.dependence.tool_share + fit.dependence.level_share * fit.dependence.level_memory
    )
    assert correlation_of_neighbours < 0.05
    # The floor of the between-session variance is 0.01, hence levels within 0.3.
    assert np.nanstd(fit.level) < 0.15


def test_two_kinds_of_sessions_are_found_as_two():
    levels = SessionLevels(40, (-0.9,) * 16 + (0.9,) * 16, (0.45,) * 32)
    calls = simulated(Dependence(), levels, sessions=200, calls=40)
    fit = fit_sessions(calls, cross_fitted_scores(calls))
    assert np.mean(np.abs(fit.level) < 0.5) < 0.02
    assert np.mean(fit.level > 0) == pytest.approx(0.5, abs=0.15)


def test_levels_are_thinned_evenly_and_rise():
    calls = make_calls(sessions=200)
    fit = fit_sessions(calls, cross_fitted_scores(calls))
    levels = session_levels(fit, np.unique(calls.session))
    assert levels is not None
    assert levels.session_count == 200
    assert len(levels.levels) == SESSIONS_KEPT_MAX
    assert list(levels.levels) == sorted(levels.levels)
    assert np.median(levels.levels) == pytest.approx(np.median(fit.level), abs=0.1)


def test_a_tool_of_two_sessions_has_no_levels_of_its_own():
    calls = make_calls(sessions=200)
    fit = fit_sessions(calls, cross_fitted_scores(calls))
    assert session_levels(fit, np.array([0, 1])) is None


def test_cross_fitted_scores_are_standard_normal_over_all_calls():
    scores = cross_fitted_scores(make_calls(sessions=60))
    assert scores.mean() == pytest.approx(0.0, abs=1e-6)
    assert scores.std() == pytest.approx(1.0, abs=0.01)


def test_cross_fitted_scores_keep_the_session_effect_that_in_sample_ranks_hide():
    """Many tools of two sessions each: in sample, a tool's own table follows its sessions."""
    rng = np.random.default_rng(0)
    rows = [
        (f"t{s // 2}-{k}", f"s{s}", rng.normal(-1.0 if s % 2 else 1.0, 0.3))
        for s in range(80)
        for k in range(10)
    ]
    calls = calls_of(
        [f"GET x.example/{tool}" for tool, _, _ in rows],
        [session for _, session, _ in rows],
        ["ok"] * len(rows),
        np.exp(np.array([value for _, _, value in rows])),
    )
    scores = cross_fitted_scores(calls)
    means = np.array([scores[calls.session == s].mean() for s in np.unique(calls.session)])
    assert means.std() > 0.7


def test_the_fold_of_a_session_does_not_depend_on_the_others():
    many = make_calls(sessions=50)
    few = many.of_sessions(np.arange(3))
    renamed = calls_of(
        [few.tool_names[i] for i in few.tool],
        [few.session_names[i] for i in few.session],
        ["ok"] * len(few),
        few.latency_s,
    )
    assert session_folds(renamed)[:3].tolist() == session_folds(many)[:3].tolist()


def test_session_effect_survives_calibration_and_simulation():
    """The share of variance between sessions, recorded and simulated; a simulation without it fails the same test."""

    def between(calls: Calls) -> float:
        log_s = np.log(calls.latency_s) - 0.5 * calls.tool
        means = [log_s[calls.session == s].mean() for s in np.unique(calls.session)]
        return float(np.var(means) / np.var(log_s))

    real = make_calls(sessions=200, session_sd=0.5, noise_sd=0.3, fault_rate=0.0)
    profile = calibrate(real)
    assert between(simulate(profile, real, seed=1)) == pytest.approx(between(real), abs=0.1)
    without = Profile(
        {name: _with_levels(laws, None) for name, laws in profile.tools.items()},
        _with_levels(profile.overall, None),
    )
    assert between(simulate(without, real, seed=1)) < between(real) - 0.3
