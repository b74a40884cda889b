"""What earlier calls say is found where it is there, and not where it is not."""

from dataclasses import replace

import numpy as np
import pytest

from earthwire.fault_models import SequenceScores
from earthwire.grounding import calibrate
from earthwire.grounding.engine import with_engine
from earthwire.grounding.fits.ranks import cross_fitted_scores
from earthwire.grounding.fits.sequences import fit_sequences
from earthwire.grounding.simulated import simulate
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import make_calls


def earlier_calls(calls: Calls) -> np.ndarray:
    """Count the calls of the same tool before each call of its session, the slow way."""
    counts: dict[tuple[int, int], int] = {}
    earlier = []
    for session, tool in zip(calls.session.tolist(), calls.tool.tolist(), strict=True):
        earlier.append(counts.get((session, tool), 0))
        counts[session, tool] = earlier[-1] + 1
    return np.array(earlier)


def after_fault(calls: Calls) -> np.ndarray:
    """Tell which calls come after a fault of the same tool in the session, the slow way."""
    last: dict[tuple[int, int], str] = {}
    found = []
    rows = zip(calls.session.tolist(), calls.tool.tolist(), calls.kind.tolist(), strict=True)
    for session, tool, kind in rows:
        found.append(last.get((session, tool), "ok") != "ok")
        last[session, tool] = calls.kind_names[kind]
    return np.array(found)


def slowed(calls: Calls, factor: np.ndarray) -> Calls:
    return replace(calls, latency_s=calls.latency_s * factor)


def mean_log_ratio(calls: Calls, rows: np.ndarray) -> float:
    """By how much the logarithm of the latency is higher in these rows than in the others, on average over tools."""
    log_s = np.log(calls.latency_s)
    means = np.bincount(calls.tool, log_s) / np.bincount(calls.tool)
    above = log_s - means[calls.tool]
    return float(above[rows].mean() - above[~rows].mean())


def test_calls_that_nothing_says_anything_of_have_no_law() -> None:
    kept = 0
    for seed in range(20):
        calls = make_calls(sessions=80, seed=seed)
        kept += fit_sequences(calls, cross_fitted_scores(calls)).overall is not None
    assert kept <= 1, "one test in a thousand errs, two tests each"


def test_cold_first_calls_are_found_and_simulated() -> None:
    plain = make_calls(sessions=150, calls_per_session=30)
    calls = slowed(plain, np.where(earlier_calls(plain) == 0, 3.0, 1.0))
    profile = with_engine(calibrate(calls, engine="compact", has_intervals=False), "compact")
    law = profile.overall.sequence
    assert law is not None
    assert law.shifts[0] - law.shifts[1] > 0.8
    simulated = simulate(profile, calls, 3)
    recorded = mean_log_ratio(calls, earlier_calls(calls) == 0)
    assert mean_log_ratio(simulated, earlier_calls(calls) == 0) == pytest.approx(recorded, rel=0.15)
    assert abs(mean_log_ratio(simulate(calibrate(plain), plain, 3), earlier_calls(plain) == 0)) < 0.1


def test_a_growing_context_is_found_and_simulated() -> None:
    plain = make_calls(sessions=150, calls_per_session=40, tools=1)
    calls = slowed(plain, np.exp(0.05 * earlier_calls(plain)))
    profile = calibrate(calls, engine="compact", has_intervals=False)
    simulated = simulate(profile, calls, 3)
    late = earlier_calls(calls) >= 30
    assert mean_log_ratio(simulated, late) == pytest.approx(mean_log_ratio(calls, late), rel=0.15)


def test_what_only_some_tools_do_is_theirs() -> None:
    plain = make_calls(sessions=300, calls_per_session=40, tools=6)
    cold = (earlier_calls(plain) == 0) & (plain.tool < 2)
    calls = slowed(plain, np.where(cold, 4.0, 1.0))
    laws = fit_sequences(calls, cross_fitted_scores(calls)).laws
    jumps = [laws[tool].shifts[0] - laws[tool].shifts[1] for tool in range(6)]
    assert min(jumps[:2]) > 0.9
    assert max(map(abs, jumps[2:])) < 0.35


def test_calls_after_a_fault_are_found_slow_and_simulated() -> None:
    plain = make_calls(sessions=200, calls_per_session=30, fault_rate=0.2)
    calls = slowed(plain, np.where(after_fault(plain), 3.0, 1.0))
    profile = calibrate(calls, engine="compact", has_intervals=False)
    law = profile.overall.sequence
    assert law is not None
    assert law.fault_shift > 0.6
    assert law.fault_share == pytest.approx(after_fault(calls).mean(), abs=1e-3)
    simulated = simulate(profile, calls, 3)
    recorded = mean_log_ratio(calls, after_fault(calls))
    assert mean_log_ratio(simulated, after_fault(simulated)) == pytest.approx(recorded, rel=0.2)


def test_sessions_of_many_slow_calls_do_not_count_as_calls_that_slow_down() -> None:
    """Long sessions are slow from their first call on: the number of earlier calls says nothing."""
    plain = make_calls(sessions=200, calls_per_session=30, tools=1)
    is_short = plain.session % 2 == 0
    rows = ~is_short | (earlier_calls(plain) < 8)
    calls = slowed(plain, np.where(is_short, 1.0, 2.0)).select(rows)
    law = fit_sequences(calls, cross_fitted_scores(calls)).overall
    assert law is None or np.ptp(law.shifts) < 0.2


def test_free_scores_have_mean_0_and_variance_1() -> None:
    plain = make_calls(sessions=150, calls_per_session=30)
    calls = slowed(plain, np.where(earlier_calls(plain) == 0, 3.0, 1.0))
    scores = cross_fitted_scores(calls)
    fit = fit_sequences(calls, scores)
    assert fit.free.mean() == pytest.approx(0.0, abs=1e-9)
    assert fit.free.std() == pytest.approx(1.0, abs=1e-6)
    first = earlier_calls(calls) == 0
    assert abs(fit.free[first].mean() - fit.free[~first].mean()) < 0.1 < scores[first].mean()


def test_few_sessions_say_nothing() -> None:
    plain = make_calls(sessions=15, calls_per_session=60)
    calls = slowed(plain, np.where(earlier_calls(plain) == 0, 5.0, 1.0))
    assert fit_sequences(calls, cross_fitted_scores(calls)).overall is None


def test_laws_of_tools_move_scores() -> None:
    plain = make_calls(sessions=150, calls_per_session=30)
    calls = slowed(plain, np.where(earlier_calls(plain) == 0, 3.0, 1.0))
    fit = fit_sequences(calls, cross_fitted_scores(calls))
    assert fit.laws.keys() == set(np.unique(calls.tool).tolist())
    for law in fit.laws.values():
        assert sum(law.shares) == pytest.approx(1.0, abs=1e-3)
        assert SequenceScores(law).moved(0.0, 0, False) > SequenceScores(law).moved(0.0, 5, False)
