from earthwire.proxy.admin.live_history import WINDOW_S, LiveHistory
from earthwire.proxy.admin.live_models import MOMENTS_MAX
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.traces.record import TraceRecord

GOOD = TraceRecord(tool="t", outcome="ok", duration_ns=20_000_000, plan_last_byte_ns=10_000_000)
BAD = TraceRecord(tool="t", outcome="timeout", duration_ns=5_000_000_000)


def test_a_moment_holds_what_its_second_has_brought() -> None:
    counters = CallCounters()
    history = LiveHistory(counters)
    counters.add(GOOD)
    history.sample(100, 3, 0.5)
    counters.add(GOOD)
    counters.add(BAD)
    history.sample(101, 0, -0.1)
    assert [(one.unix_s, one.calls, one.faults) for one in history.moments] == [(100, 1, 0), (101, 2, 1)]
    assert [(one.inflight, one.lag_s) for one in history.moments] == [(3, 0.5), (0, 0.0)]


def test_a_call_is_recent_for_a_window_and_no_longer() -> None:
    counters = CallCounters()
    history = LiveHistory(counters)
    counters.add(BAD)
    for second in range(WINDOW_S):
        assert sum(history.recent().achieved) == 1
        history.sample(second, 0, 0.0)
    assert sum(history.recent().achieved) == 0
    counters.add(GOOD)
    assert sum(history.recent().intended) == sum(history.recent().achieved) == 1


def test_its_room_is_bounded() -> None:
    history = LiveHistory(CallCounters())
    for second in range(3 * MOMENTS_MAX):
        history.sample(second, 0, 0.0)
    assert [one.unix_s for one in history.moments] == list(range(2 * MOMENTS_MAX, 3 * MOMENTS_MAX))
