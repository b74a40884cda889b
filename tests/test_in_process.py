"""Simulated tools in process: the same plans as over the wire, raised or returned instead of sent."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

import pytest

import earthwire
from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Call, Simulation, plan_digest
from earthwire.fault_models.plan import (
    Abort,
    AbortReused,
    Body,
    Forward,
    Head,
    LoseReply,
    Plan,
    Raw,
    RelayBody,
    RelayDamaged,
    RelayFalseHead,
    RelayHead,
    RelayPart,
    Step,
    Wait,
)
from earthwire.in_process import SimulatedEpisode
from earthwire.next_calls import SINGLE_COUNT, NextCalls
from earthwire.plan_result import PlannedCall
from earthwire.tool_errors import ToolConnectionError, ToolContentError, ToolHTTPError, ToolTimeoutError

TOOL = "GET registry.access-ci.org/access-registry-technical-endpoint"
LAWS = Simulation(read_profile(shipped_profile_path("demo")), 0)


def look_up(word: str) -> dict[str, object]:
    return {"word": word, "items": [1, 2, 3]}


def performed(value: object, *steps: Step) -> object:
    planned = PlannedCall(Plan("x", 0.0, 0.0, steps, "tool"), "t")
    if planned.is_forwarded:
        planned.answer(value)
    return planned.result()


def test_plans_are_those_of_a_simulation() -> None:
    call = Call("run-1", TOOL)
    calls, expected = NextCalls(LAWS.variant(seed=7), call), LAWS.variant(seed=7)
    for _ in range(SINGLE_COUNT + 200):
        kind, latency_s = calls.next()
        drawn = expected.draw(call)
        assert (kind, latency_s) == (drawn.plan.outcome, drawn.plan.last_byte_s)
        assert plan_digest(calls.drawn().plan) == plan_digest(drawn.plan)


def test_laws_that_cannot_be_drawn_ahead_give_the_same_plans_one_by_one() -> None:
    severe = Simulation(LAWS.profile, 3, severity=3.0)
    call = Call("default", TOOL)
    calls, expected = NextCalls(severe.variant(), call), severe.variant()
    found = [calls.next() for _ in range(SINGLE_COUNT + 50)]
    plans = [expected.draw(call).plan for _ in found]
    assert found == [(plan.outcome, plan.last_byte_s) for plan in plans]
    assert plan_digest(calls.drawn().plan) == plan_digest(plans[-1])


def test_callables_that_stand_for_one_tool_share_its_calls() -> None:
    episode = SimulatedEpisode(LAWS, 7)
    first, second = episode.tool(look_up, TOOL), episode.tool(lambda word: look_up(word), TOOL)
    found = []
    for i in range(100):
        before_s = episode.latency_s
        _outcome(first if i % 2 else second)
        found.append(episode.latency_s - before_s)
    expected = LAWS.variant(seed=7)
    assert found == pytest.approx([expected.draw(Call("default", TOOL)).plan.last_byte_s for _ in found])


def test_the_usual_call_returns_what_the_tool_returns_and_adds_its_latency_up() -> None:
    episode = SimulatedEpisode(LAWS, 7)
    tool = episode.tool(look_up, TOOL)
    expected = LAWS.variant(seed=7)
    drawn_s = 0.0
    for _ in range(300):
        plan = expected.draw(Call("default", TOOL)).plan
        drawn_s += plan.last_byte_s
        seen = _outcome(tool)
        assert seen == json.dumps(look_up("a")) if plan.outcome == "ok" else plan.outcome[-3:] in seen
    assert episode.call_count == 300
    assert episode.fault_count == sum(episode.outcomes.values()) - episode.outcomes["ok"] > 0
    assert episode.latency_s == episode.intended_s == pytest.approx(drawn_s)


def test_sync_and_async_callables_get_the_same_plans() -> None:
    async def look_up_later(word: str) -> dict[str, object]:
        await asyncio.sleep(0)
        return look_up(word)

    async def outcomes_async() -> list[str]:
        tool = SimulatedEpisode(LAWS, 3).tool(look_up_later, TOOL)
        return [await _outcome_async(tool) for _ in range(200)]

    tool = SimulatedEpisode(LAWS, 3).tool(look_up, TOOL)
    found = [_outcome(tool) for _ in range(200)]
    assert asyncio.run(outcomes_async()) == found
    assert len(Counter(found)) > 1


def _outcome(tool) -> str:
    try:
        return json.dumps(tool("a"))
    except (OSError, ToolHTTPError) as error:
        return str(error)


async def _outcome_async(tool) -> str:
    try:
        return json.dumps(await tool("a"))
    except (OSError, ToolHTTPError) as error:
        return str(error)


def test_what_outlasts_the_patience_times_out_and_costs_the_patience() -> None:
    patience_s = 0.06
    episode = SimulatedEpisode(LAWS, 5, client_timeout_s=patience_s)
    tool = episode.tool(look_up, TOOL)
    timeouts = 0
    for _ in range(300):
        try:
            tool("a")
        except ToolTimeoutError as error:
            timeouts += error.waited_s == patience_s
        except ToolHTTPError:
            pass
    expected = LAWS.variant(seed=5)
    latencies = [expected.draw(Call("default", TOOL)).plan.last_byte_s for _ in range(300)]
    assert timeouts == sum(latency_s > patience_s for latency_s in latencies) > 0
    assert episode.latency_s == pytest.approx(sum(min(latency_s, patience_s) for latency_s in latencies))


def test_a_real_clock_waits_until_the_call_is_due_and_no_longer_for_the_tools_own_time() -> None:
    episode = SimulatedEpisode(LAWS, 7, clock="real")
    tool = episode.tool(lambda: time.sleep(0.02), TOOL)
    due_s = LAWS.variant(seed=7).draw(Call("default", TOOL)).plan.last_byte_s
    assert due_s > 0.02, "the tool's own time fits into what is drawn"
    started_s = time.monotonic()
    tool()
    assert due_s <= time.monotonic() - started_s < due_s + 0.5


def test_scaled_time_is_shorter() -> None:
    episode = SimulatedEpisode(LAWS, 7, clock="scaled", speed=1000.0)
    tool = episode.tool(look_up, TOOL)
    started_s = time.monotonic()
    for _ in range(20):
        _outcome(tool)
    assert time.monotonic() - started_s < episode.latency_s


def test_simulate_wraps_one_callable() -> None:
    tool = earthwire.simulate(look_up, "demo", seed=7, name=TOOL)
    assert tool("a") == look_up("a")
    assert tool.__name__ == "look_up"


def test_tools_of_one_episode_share_its_account() -> None:
    episode = SimulatedEpisode(LAWS, 7)
    for name in (TOOL, "GET access-ci.org/access-website-public-webpage"):
        _outcome(earthwire.simulate(look_up, LAWS, episode=episode, name=name))
    assert episode.call_count == 2


def test_a_name_that_the_profile_does_not_have_is_said_with_the_nearest_one() -> None:
    """A misspelt name was simulated as an unknown tool, and nobody knew."""
    with pytest.warns(UserWarning, match=f"no tool '{TOOL}s'.*with name='{TOOL}' it is that one") as caught:
        earthwire.simulate(look_up, "demo", name=f"{TOOL}s")
    assert caught[0].filename == __file__


def test_the_warning_names_the_line_that_gave_the_name_also_where_the_episode_is_told() -> None:
    with pytest.warns(UserWarning, match="behaves as an unknown one") as caught:
        SimulatedEpisode("demo").tool(look_up, f"{TOOL}s")
    assert caught[0].filename == __file__


def test_a_profile_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "tools.yaml"
    path.write_bytes(shipped_profile_path("demo").read_bytes())
    first, second = SimulatedEpisode(path, 1), SimulatedEpisode(str(path), 1)
    assert first._simulation.profile is second._simulation.profile


def test_an_error_status_is_raised_with_all_that_the_tool_said() -> None:
    head = Head(429, (("Retry-After", "7"), ("content-type", "application/json")), 2)
    with pytest.raises(ToolHTTPError) as caught:
        performed(None, Wait(1.0), head, Body(b"{}"))
    assert (caught.value.status, caught.value.body, caught.value.retry_after_s) == (429, "{}", 7.0)


def test_an_answer_of_its_own_with_a_good_status_is_returned() -> None:
    assert performed(None, Head(200, (), 2), Body(b'{"error": 1}')) == {"error": 1}
    assert performed(None, Head(200, (), 2), Body(b"<html>")) == "<html>"


@pytest.mark.parametrize(("how", "is_reset"), [("rst", True), ("fin", False)])
def test_a_connection_that_ends_is_raised(how, is_reset: bool) -> None:
    with pytest.raises(ToolConnectionError) as caught:
        performed(None, Wait(1.0), Abort(how))
    assert (caught.value.is_reset, caught.value.partial) == (is_reset, None)
    assert isinstance(caught.value, ConnectionError)


def test_a_cut_body_says_how_much_came() -> None:
    with pytest.raises(ToolConnectionError) as caught:
        performed("abcdefgh", Forward(), RelayHead(), RelayBody(0.0, fraction=0.5), Abort("fin"))
    assert caught.value.partial == b"abcd"


def test_work_that_was_done_and_lost_its_reply_is_raised_after_the_tool_ran() -> None:
    planned = PlannedCall(Plan("x", 0.0, 0.0, (Forward(), Abort("rst")), "tool"), "t")
    assert planned.is_forwarded
    planned.answer(1)
    with pytest.raises(ToolConnectionError):
        planned.result()


@pytest.mark.parametrize(
    ("steps", "is_reset", "partial"),
    [
        ((LoseReply(), Abort("rst")), True, None),
        ((RelayHead(), Abort("rst")), True, b""),
        ((RelayFalseHead(chunked=True), RelayPart(), Abort("fin")), False, b"abcdefgh"),
        ((RelayHead(), RelayPart(3), RelayPart(2), Abort("fin")), False, b"abcde"),
        ((RelayFalseHead(length_offset_bytes=7), RelayBody()), False, b"abcdefgh"),
        ((Raw(b"SSH-2.0"), Abort("fin")), False, None),
    ],
)
def test_faults_below_http_are_raised_with_what_had_come(steps, is_reset: bool, partial) -> None:
    with pytest.raises(ToolConnectionError) as caught:
        performed("abcdefgh", Forward(), *steps)
    assert (caught.value.is_reset, caught.value.partial) == (is_reset, partial)


def test_a_length_that_is_too_short_cuts_the_result() -> None:
    assert performed("abcdefgh", Forward(), RelayFalseHead(length_offset_bytes=-3), RelayBody()) == "abcde"


def test_a_content_coding_that_is_not_there_cannot_be_read() -> None:
    with pytest.raises(ToolContentError):
        performed("abc", Forward(), RelayFalseHead((("content-encoding", "gzip"),)), RelayBody())


def test_a_reused_connection_ends_at_the_second_call() -> None:
    plan = Plan("conn_error:reused", 0.0, 0.0, (AbortReused("rst"), Forward(), RelayHead()), "assumed")
    first = PlannedCall(plan, "t")
    assert first.is_forwarded
    first.answer("x")
    assert first.result() == "x"
    with pytest.raises(ToolConnectionError):
        PlannedCall(plan, "t", reused=True).result()


@pytest.mark.parametrize("value", [{"name": "x", "count": 3}, '{"name": "x", "count": 3}', b'{"name": "x"}'])
def test_a_damaged_result_comes_in_the_form_of_the_result(value: object) -> None:
    damaged = performed(value, Forward(), RelayDamaged("drift_null", 0.3))
    assert damaged != value
    assert type(damaged) is type(value)


def test_broken_json_is_returned_as_text() -> None:
    value = performed({"name": "x", "count": 3}, Forward(), RelayDamaged("trailing_comma", 0.3))
    assert isinstance(value, str)


def test_what_cannot_be_sent_cannot_be_damaged() -> None:
    value = object()
    assert performed(value, Forward(), RelayDamaged("drift_null", 0.3)) is value


def test_speed_has_to_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        SimulatedEpisode(LAWS, clock="scaled", speed=0.0)
