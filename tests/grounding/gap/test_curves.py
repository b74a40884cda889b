import numpy as np
import pytest

from earthwire.grounding.gap.curves import QUANTILE_LEVELS, RUN_LENGTHS, TOOLS_DRAWN_MAX, draw_curves
from earthwire.traces import TraceRecord
from earthwire.traces.columns.calls import Calls, calls_from_records

CONFIDENCE = 0.99


def calls_of(
    tools: int = 2,
    calls: int = 20,
    factor: float = 1.0,
    bad: frozenset[int] = frozenset(),
    outcome: str = "ok",
) -> Calls:
    """Return eight sessions; call i of a tool takes i + 1 ms times `factor`, and fails where i is in `bad`."""
    return calls_from_records(
        TraceRecord(
            tool=f"tool {tool:02}",
            session_id=f"s{session}",
            seq=calls * tool + i,
            duration_ns=round((i + 1) * 1e6 * factor),
            outcome="timeout" if i in bad else outcome,  # type: ignore[arg-type]
        )
        for session in range(8)
        for tool in range(tools)
        for i in range(calls)
    )


def test_quantiles_are_those_of_each_side() -> None:
    real, slow = calls_of(), calls_of(factor=2.0)
    drawn = draw_curves(real, slow, CONFIDENCE, real).latency_s
    assert drawn is not None
    assert drawn.real == pytest.approx(np.quantile(real.latency_s, QUANTILE_LEVELS), rel=1e-3)
    assert drawn.simulated == pytest.approx([2 * value for value in drawn.real], rel=2e-3)
    assert drawn.floor == drawn.real
    assert (drawn.real_count, drawn.simulated_count) == (320, 320)


def test_every_tool_is_listed_and_the_busiest_are_drawn() -> None:
    curves = draw_curves(calls_of(tools=30, calls=2), calls_of(tools=30, calls=2), CONFIDENCE)
    assert len(curves.tools) == 30
    assert [tool.latency_s is not None for tool in curves.tools] == [i < TOOLS_DRAWN_MAX for i in range(30)]


def test_a_side_with_too_few_calls_has_no_curve() -> None:
    one = calls_of(tools=1, calls=1)
    few = one.select(np.arange(4))
    curves = draw_curves(one, few, CONFIDENCE)
    assert curves.latency_s is None
    assert curves.tools[0].latency_s is None


def test_session_totals_are_sums_over_sessions() -> None:
    curves = draw_curves(calls_of(tools=1, calls=4), calls_of(tools=1, calls=4, factor=3.0), CONFIDENCE)
    assert curves.session_total_s is not None
    assert set(curves.session_total_s.real) == {0.01}
    assert set(curves.session_total_s.simulated) == {0.03}


def test_runs_are_counted_by_their_length() -> None:
    bad = frozenset((0, 2, 3, 5, 6, 7, 8, 9))
    curves = draw_curves(calls_of(tools=1, bad=bad), calls_of(tools=1), CONFIDENCE)
    assert curves.run_lengths_real is not None
    assert dict(zip(RUN_LENGTHS, curves.run_lengths_real, strict=True)) == pytest.approx(
        {"1": 1 / 3, "2": 1 / 3, "3": 0, "4": 0, "5 to 9": 1 / 3, "10 and more": 0}
    )
    assert curves.run_lengths_simulated is None


def test_rates_begin_with_all_faults_and_lie_in_their_intervals() -> None:
    curves = draw_curves(calls_of(bad=frozenset((3,))), calls_of(), CONFIDENCE)
    assert [kind.kind for kind in curves.faults] == ["any fault", "timeout"]
    for kind in curves.faults:
        assert kind.real.rate == pytest.approx(0.05)
        assert kind.simulated.rate == 0
        assert kind.real.low < kind.real.rate < kind.real.high


def test_outcomes_that_nobody_recorded_have_no_rates() -> None:
    assert draw_curves(calls_of(outcome="unknown"), calls_of(), CONFIDENCE).faults == []
