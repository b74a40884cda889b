from earthwire.fault_models.drift import Drift, DriftWindow
from earthwire.fault_models.intervals import Interval
from earthwire.pages.document import page
from earthwire.report.drift_section import drift_section
from tests.report.pages import check

DAY_S = 86_400.0


def window(day: int, median_s: float | None, rate: float | None) -> DriftWindow:
    def interval(value: float | None) -> Interval | None:
        return None if value is None else Interval(value, value * 0.8, value * 1.2, 10)

    start_s = 1.7e9 + day * DAY_S
    return DriftWindow(start_s, start_s + DAY_S, 10, 100, interval(median_s), interval(rate))


def test_windows_are_drawn_in_the_order_of_time() -> None:
    windows = tuple(window(day, 0.1 * (day + 1), 0.0) for day in range(3))
    drawn = check(page("drift", [drift_section(Drift("latency changed", p_value=0.001, windows=windows))]))
    assert drawn.charts == [
        "Median latency over time. From 100 ms to 300 ms in 3 windows",
        "Fault rate over time. From 0 % to 0 % in 3 windows",
    ]
    assert "Test for drift: latency changed (p = 0.001 that their order does not matter)." in drawn.texts


def test_what_is_not_known_is_not_drawn() -> None:
    windows = (window(0, None, None), window(1, 0.1, None))
    drawn = check(
        page("drift", [drift_section(Drift("n/a: not every session has a start time", windows=windows))])
    )
    assert drawn.charts == []
    assert "Test for drift: n/a: not every session has a start time." in drawn.texts
