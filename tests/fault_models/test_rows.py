"""Plans that are made in a row, before their calls come, are those that are made one by one."""

import pytest

from earthwire.config import read_profile, shipped_profiles
from earthwire.fault_models import Call, Simulation, plan_digest, simulation
from earthwire.fault_models.laws.outcome_path import RegimeClock

PROFILES = {name: read_profile(path) for name, path in shipped_profiles().items()}
CALLS = simulation.SINGLE_COUNT + 10 * simulation.ROW_COUNT + 3


def digests(name: str, regime_clock: RegimeClock = "calls") -> list[str]:
    """Return the plans of two tools that are called in turn, each time with another target."""
    laws = Simulation(PROFILES[name], 5, regime_clock=regime_clock)
    tools = [*sorted(laws.profile.tools)[:2], "an unknown tool"]
    calls = [
        Call("e", tool, "GET", f"/items/{number}", float(number)) for number in range(CALLS) for tool in tools
    ]
    drawn = [laws.draw(call) for call in calls]
    assert [one.call_index for one in drawn[:: len(tools)]] == list(range(CALLS))
    return [plan_digest(one.plan) for one in drawn]


@pytest.mark.parametrize("regime_clock", ["calls", "time"])
@pytest.mark.parametrize("name", PROFILES)
def test_plans_in_a_row_are_those_one_by_one(name, regime_clock, monkeypatch):
    in_rows = digests(name, regime_clock)
    monkeypatch.setattr(simulation, "SINGLE_COUNT", CALLS)
    assert in_rows == digests(name, regime_clock)


def test_plans_are_made_in_rows_at_all():
    """Else nothing is shown above."""
    laws = Simulation(PROFILES["demo"], 5)
    call = Call("e", max(laws.profile.tools))
    for _ in range(simulation.SINGLE_COUNT + 1):
        laws.draw(call)
    (stream,) = laws._streams.values()
    assert len(stream.prepared) == simulation.ROW_COUNT - 1
    assert laws.ahead(call) is None, "the calls that wait would be left out"


def test_nothing_waits_where_many_episodes_are_alive(monkeypatch):
    monkeypatch.setattr(simulation, "ROW_STREAMS_MAX", 1)
    laws = Simulation(PROFILES["demo"], 5)
    for episode in ("a", "b"):
        for _ in range(simulation.SINGLE_COUNT + 1):
            laws.draw(Call(episode, "GET /x"))
    waiting = [len(stream.prepared) for stream in laws._streams.values()]
    assert waiting == [simulation.ROW_COUNT - 1, 0]
