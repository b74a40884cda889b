"""Calls are placed on the clock of their episode: in virtual time nothing real goes in."""

import pytest

from earthwire.traces.clients.client_verdicts import client_verdicts
from earthwire.traces.clients.episode_times import EpisodeTimes, on_own_clocks, own_clock
from earthwire.traces.record import TraceRecord

SECOND = 10**9
VIRTUAL = '{"earthwire.clock":"virtual"}'
SCALED = '{"earthwire.clock":"scaled","earthwire.speed":10.0}'


def test_virtual_calls_follow_one_another_whatever_real_time_says() -> None:
    for gap_ns in (1, 7 * SECOND):
        times = EpisodeTimes()
        found = [times.of(10**18 + i * gap_ns, 2 * SECOND, VIRTUAL) for i in range(3)]
        assert found == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]


def test_a_virtual_call_begins_after_what_its_client_waited() -> None:
    waited = '{"earthwire.clock":"virtual","earthwire.waited_s":5.0}'
    times = EpisodeTimes()
    assert [times.of(0, 2 * SECOND, attributes) for attributes in (VIRTUAL, waited, VIRTUAL)] == [
        (0.0, 2.0),
        (7.0, 9.0),
        (9.0, 11.0),
    ]


def test_scaled_gaps_pass_as_fast_as_scaled_calls() -> None:
    times = EpisodeTimes()
    assert times.of(10**18, 2 * SECOND, SCALED) == (0.0, 2.0)
    assert times.of(10**18 + SECOND, 2 * SECOND, SCALED) == (10.0, 12.0)


def test_real_calls_are_where_their_records_say() -> None:
    assert EpisodeTimes().of(5 * SECOND, SECOND, None) == (5.0, 6.0)
    assert EpisodeTimes().of(None, None, None) == (0.0, 0.0)


@pytest.mark.parametrize(
    "attributes", [None, "{}", '"earthwire.clock"', '{"earthwire.clock":', '{"earthwire.clock":5}']
)
def test_what_says_nothing_of_a_clock_means_the_real_one(attributes: str | None) -> None:
    assert own_clock(attributes).clock is None


def test_records_are_placed_episode_by_episode() -> None:
    def record(episode: str, start_s: int, attributes: str | None) -> TraceRecord:
        return TraceRecord(
            tool="t",
            episode=episode,
            start_time_unix_nano=start_s * SECOND,
            duration_ns=SECOND,
            attributes=attributes,
        )

    placed = on_own_clocks([record("a", 9, VIRTUAL), record("a", 3, VIRTUAL), record("b", 5, None)])
    assert [(one.episode, one.start_time_unix_nano) for one in placed] == [
        ("a", 0),
        ("b", 5 * SECOND),
        ("a", SECOND),
    ]


@pytest.mark.parametrize(("attributes", "is_judged"), [(VIRTUAL, False), (None, True)])
def test_nothing_is_said_of_pacing_that_nobody_can_see(attributes: str | None, is_judged: bool) -> None:
    records = [
        TraceRecord(
            tool="t",
            session_id="s",
            request_key="k",
            start_time_unix_nano=10**18 + i * SECOND,
            duration_ns=SECOND,
            outcome="http_error" if i < 2 else "ok",
            retry_after_s=3.0,
            attributes=attributes,
        )
        for i in range(3)
    ]
    rules = {verdict.rule for verdict in client_verdicts(records)}
    assert ({"no_back_off", "retry_after_ignored"} <= rules) is is_judged


@pytest.mark.parametrize(("waited_s", "is_ignored"), [(1.0, True), (3.0, False)])
def test_pacing_is_judged_in_virtual_time_where_the_client_tells_its_waits(
    waited_s: float, is_ignored: bool
) -> None:
    waited = f'{{"earthwire.clock":"virtual","earthwire.waited_s":{waited_s}}}'
    records = [
        TraceRecord(
            tool="t",
            session_id="s",
            request_key="k",
            start_time_unix_nano=10**18 + i,
            duration_ns=SECOND,
            outcome="ok" if i else "http_error",
            retry_after_s=3.0,
            attributes=waited if i else VIRTUAL,
        )
        for i in range(2)
    ]
    rules = {verdict.rule for verdict in client_verdicts(records)}
    assert ("retry_after_ignored" in rules) is is_ignored
