"""Records of episodes whose time is not ours: what our own loop took too long for is measured on their clock."""

from types import SimpleNamespace

import msgspec
import pytest

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.conditions.virtual_time import EpisodeClock
from earthwire.fault_models.plan import Plan
from earthwire.proxy.episodes.episode_time import broken_off_in_episode_time, in_episode_time
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.clients.episode_times import own_clock

PLAN = Plan("ok", 1.0, 2.0, (), "tool")
RECORD = ServedRecord("t", duration_ns=2_100, plan_last_byte_ns=2_000, lateness_ns=100, proxy_lag_ns=50)


def in_time_of(settings: EpisodeSettings) -> ServedRecord:
    context = SimpleNamespace(run=SimpleNamespace(settings=settings), drawn=Drawn(0, PLAN), waited_s=0.0)
    return in_episode_time(RECORD, context, PLAN)  # type: ignore[arg-type]  # What it asks of a context.


def test_virtual_time_knows_no_lag() -> None:
    record = in_time_of(EpisodeSettings(clock="virtual"))
    assert record.duration_ns == 2_000_000_000
    assert (record.lateness_ns, record.proxy_lag_ns) == (None, None)


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_scaled_time_stretches_lag_as_it_does_latency(speed: float) -> None:
    record = in_time_of(EpisodeSettings(clock="scaled", speed=speed))
    assert record.duration_ns == 2_100 * speed
    assert record.proxy_lag_ns == 50 * speed


@pytest.mark.parametrize("clock", ["virtual", "scaled"])
def test_what_channels_did_stays_in_the_record(clock: EpisodeClock) -> None:
    noted = msgspec.structs.replace(RECORD, attributes='{"earthwire.channels":{"typos":2}}')
    context = SimpleNamespace(
        run=SimpleNamespace(settings=EpisodeSettings(clock=clock)), drawn=Drawn(0, PLAN), waited_s=0.0
    )
    record = in_episode_time(noted, context, PLAN)  # type: ignore[arg-type]  # What it asks of a context.
    assert msgspec.json.decode(record.attributes or "") == {
        "earthwire.channels": {"typos": 2},
        "earthwire.clock": clock,
        **({"earthwire.speed": 1.0} if clock == "scaled" else {}),
    }


@pytest.mark.parametrize(
    ("settings", "duration_ns"), [({"clock": "virtual"}, 0), ({"clock": "scaled", "speed": 3.0}, 6_300)]
)
def test_a_call_that_was_broken_off_is_on_the_episodes_clock_too(settings, duration_ns) -> None:
    context = SimpleNamespace(run=SimpleNamespace(settings=EpisodeSettings(**settings)), waited_s=0.0)
    record = broken_off_in_episode_time(RECORD, context)  # type: ignore[arg-type]  # What it asks of a context.
    assert record.duration_ns == duration_ns
    assert own_clock(record.attributes).clock == settings["clock"]
