import importlib.util
from pathlib import Path

import numpy as np
import pytest

from earthwire.grounding.gap import yardstick
from earthwire.traces.columns.calls import split_sessions
from tests.grounding.synthetic import calls_of, make_calls


def slow_features(calls, base):
    """The definition, row by row."""
    rows, outcome = [], yardstick.outcome_class(calls)
    for session in np.unique(calls.session):
        at = np.flatnonzero(calls.session == session)
        log_ms = np.log(calls.latency_s[at] * 1e3)
        residual = log_ms - base[calls.tool[at]]
        spread = residual.std(ddof=1) if len(at) > 1 else 0.0
        for k, i in enumerate(at):
            before = (residual[k - 1], outcome[at[k - 1]]) if k else (np.nan, np.nan)
            rows.append(
                [
                    base[calls.tool[i]],
                    log_ms[k],
                    residual[k],
                    outcome[i],
                    before[0],
                    residual[k] - before[0],
                    before[1],
                    residual.mean(),
                    spread,
                    k,
                ]
            )
    return np.array(rows)


def test_features_are_the_definition():
    calls = make_calls(sessions=12, calls_per_session=5)
    base = yardstick.base_levels(calls)
    np.testing.assert_allclose(yardstick.features(calls, base), slow_features(calls, base), atol=1e-9)


def test_outcome_classes_are_ok_callers_error_and_other_fault():
    calls = calls_of(["a"] * 4, ["s"] * 4, ["ok", "http_4xx:404", "timeout", "unknown"], np.ones(4))
    assert yardstick.outcome_class(calls).tolist() == [0, 1, 2, 0]


def test_two_halves_of_one_law_cannot_be_told_apart():
    one, other = split_sessions(make_calls(sessions=200, seed=3), np.random.default_rng(0))
    base = yardstick.base_levels(one)
    x, y = yardstick.features(one, base), yardstick.features(other, base)
    assert abs(yardstick.two_sample_auc(x, one.session, y, other.session, seed=0) - 0.5) < 0.06


@pytest.mark.parametrize("change", [{"latency_factor": 1.2}, {"session_sd": 0.0}, {"fault_rate": 0.3}])
def test_a_law_off_by_a_fifth_without_session_effect_or_with_other_faults_is_told_apart(change):
    """The negative controls: what the yardstick is for."""
    real = make_calls(sessions=200, seed=3)
    other = make_calls(sessions=200, seed=4, **change)
    base = yardstick.base_levels(real)
    x, y = yardstick.features(real, base), yardstick.features(other, base)
    assert yardstick.two_sample_auc(x, real.session, y, other.session + 1_000, seed=0) > 0.56


def test_gap_closed_is_zero_at_the_mock_and_one_at_the_floor():
    assert yardstick.gap_closed(0.9, 0.9, 0.55) == 0.0
    assert yardstick.gap_closed(0.9, 0.55, 0.55) == pytest.approx(1.0)
    assert yardstick.gap_closed(0.9, 0.5, 0.45) == pytest.approx(1.0)
    assert np.isnan(yardstick.gap_closed(0.5, 0.5, 0.55))


def test_features_equal_those_of_the_reference_definitions():
    """The yardstick is fixed: it must be the one that the published figures were measured with."""
    pytest.importorskip("pandas", reason="the reference needs pandas")
    path = Path(__file__).parents[3].parent / "shared" / "reference" / "definitions.py"
    if not path.exists():
        pytest.skip("the reference definitions are not beside this checkout")
    import pandas as pd

    spec = importlib.util.spec_from_file_location("definitions", path)
    assert spec is not None
    assert spec.loader is not None
    definitions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(definitions)
    calls = make_calls(sessions=30, calls_per_session=7)
    base = yardstick.base_levels(calls)
    frame = pd.DataFrame({"e": calls.tool, "s": calls.session})
    expected = definitions.features(
        frame, np.log(calls.latency_s * 1e3), yardstick.outcome_class(calls), dict(enumerate(base))
    )
    np.testing.assert_allclose(yardstick.features(calls, base), expected, atol=1e-9)


def test_what_gives_a_simulation_away_is_named():
    """Simulated sessions have no level of their own; nothing else differs."""
    real = make_calls(sessions=200, session_sd=0.6, noise_sd=0.2, seed=3)
    other = make_calls(sessions=200, session_sd=0.0, noise_sd=0.63, seed=4)
    base = yardstick.base_levels(real)
    x, y = yardstick.features(real, base), yardstick.features(other, base)
    falls = yardstick.giveaways(x, real.session, y, other.session + 1_000, seed=0)
    assert set(falls) == set(yardstick.FEATURES)
    assert next(iter(falls)) in ("session mean of residuals", "session spread of residuals")
