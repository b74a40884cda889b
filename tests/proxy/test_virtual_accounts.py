"""In virtual time an account is a function of the calls alone: how fast the client really is changes nothing."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Patience, Simulation
from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.plan import Body, Head, Plan
from earthwire.fault_models.reward import Ledger, Ledgers, Penalties, Price, PriceTable
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.proxy.recording.observed_calls import ObservedCalls
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.traces import AttemptTally, read_jsonl

LAWS = Simulation(read_profile(shipped_profile_path("six-faults")), 11)
VIRTUAL = EpisodeSettings(clock="virtual", patience=Patience(30.0))
WAIT_S = 1
PAUSE_S = 1.2 * WAIT_S


class BusyPlanner:
    """Refuses every call of ``busy`` for a while, and answers all others in a quarter of that time."""

    seed = 7
    profile_hash = "test"

    def __init__(self) -> None:
        self.times_s: list[float | None] = []

    def draw(self, call: Call) -> Drawn:
        self.times_s.append(call.at_s)
        busy = call.tool.endswith("busy")
        wait = (("retry-after", str(WAIT_S)),) if busy else ()
        head = Head(429 if busy else 200, (("content-type", "text/plain"), *wait), 2)
        latency_s = 0.0 if busy else WAIT_S / 4
        outcome = "http_4xx:429" if busy else "ok"
        return Drawn(
            len(self.times_s) - 1, Plan(outcome, latency_s, latency_s, (head, Body(b"hi")), "assumed")
        )

    def tool_of(self, method: str, path: str, at: str | None = None) -> str:
        return f"{method} tool{path}"


def open_ledger() -> Ledger:
    prices = PriceTable(Price(per_call=1.0, per_second=0.5), {})
    return Ledger(prices, Penalties(duplicate_effect=5.0, ignored_retry_after=3.0))


def accounts(
    harness,
    planner,
    targets: Sequence[str],
    name: str,
    pause_before: int | None = None,
    waits_s: Mapping[int, float] | None = None,
):
    """Return what one scripted agent spent, its reward and its attempts, as the proxy and as the recording tell them.

    Args:
        pause_before: index of the call before which the agent really waits.
        waits_s: virtual time that it lets pass, by the index of the call before which it does so.
    """
    path = harness.folder / f"{name}.jsonl"

    async def scenario():
        async with harness.upstream(harness.response()) as upstream:
            config = ServeConfig(
                upstreams={"t": f"http://127.0.0.1:{upstream.port}"},
                port=0,
                record_path=path,
                spending=partial(Spending, open_ledger, 429),
                implied_episodes=VIRTUAL,
            )
            async with running_proxy(config, planner) as proxy:
                for i, target in enumerate(targets):
                    if i == pause_before:
                        await asyncio.sleep(PAUSE_S)
                    if waits_s is not None and i in waits_s:
                        proxy.episodes.get("e").wait(waits_s[i])
                    # Some plans end the connection.
                    with contextlib.suppress(ConnectionError):
                        await harness.talk(proxy.port, harness.get(f"/e/e/{target}"))
                ledger = proxy.episodes.get("e").ledger
                return ledger.spending, ledger.reward(1.0)

    spending, reward = asyncio.run(scenario())
    ledgers, tally = Ledgers(open_ledger), AttemptTally()
    records = list(read_jsonl(path))
    for record in records:
        ledgers.add(record)
        tally.add(record)
    found = {
        "spending": spending,
        "reward": reward,
        "attempts": tally.counts(),
        "durations_ns": [record.duration_ns for record in records],
    }
    assert msgspec.to_builtins(ledgers.ledger("e").spending) == msgspec.to_builtins(spending)
    return msgspec.to_builtins(found)


def test_the_same_agent_twice_has_the_same_account_however_fast_it_is(harness) -> None:
    targets = [f"search?q={i // 3}" for i in range(60)]
    slow = accounts(harness, LAWS.variant(), targets, "slow", pause_before=30)
    fast = accounts(harness, LAWS.variant(), targets, "fast")
    assert slow == fast
    # Negative control: another seed gives other plans and another account.
    assert accounts(harness, LAWS.variant(seed=12), targets, "other") != fast


def test_only_what_calls_take_lets_a_retry_after_pass(harness) -> None:
    targets = ["busy", "busy", "other", "other", "other", "busy", "other", "other", "other", "other", "busy"]
    for pause_before in (None, 1):
        found = accounts(harness, BusyPlanner(), targets, f"busy-{pause_before}", pause_before)
        # The second call at once, the third after 0.75 s of other calls; the fourth after a whole second of them.
        assert found["spending"]["charges"]["ignored_retry_after"] == 2 * 3.0


def test_a_wait_that_the_agent_tells_lets_a_retry_after_pass_in_the_account_and_in_the_recording(
    harness,
) -> None:
    for waited_s, ignored_count in ((0.9 * WAIT_S, 1), (1.0 * WAIT_S, 0)):
        found = accounts(harness, BusyPlanner(), ["busy", "busy"], f"told-{waited_s}", waits_s={1: waited_s})
        # `accounts` compares what the proxy counted with what its recording shows.
        assert found["spending"]["charges"].get("ignored_retry_after", 0.0) == 3.0 * ignored_count


def test_laws_on_the_clock_see_waits_too(harness) -> None:
    planner = BusyPlanner()
    accounts(harness, planner, ["other", "other", "busy", "other"], "waits", waits_s={1: 10.0, 3: 5.0})
    assert planner.times_s == [0.0, 10.25, 10.5, 15.5]


def test_laws_on_the_clock_see_the_episodes_time(harness) -> None:
    planner = BusyPlanner()
    accounts(harness, planner, ["other", "other", "busy", "other"], "times", pause_before=2)
    assert planner.times_s == [0.0, 0.25, 0.5, 0.5]


def test_body_that_comes_after_its_answer_could_tells_a_retry_all_the_same(harness) -> None:
    """A refusal needs no body to be sent; whether the call is known by its arguments must not depend on that."""

    async def counted(body_after_s: float):
        config = ServeConfig(upstreams={"t": "http://127.0.0.1:9"}, port=0, implied_episodes=VIRTUAL)
        async with running_proxy(config, BusyPlanner()) as proxy:
            handler = proxy._handler
            calls = ObservedCalls(None, handler.opening.episodes, CallCounters())
            handler.observe(calls)
            reader, writer = await harness.connect(proxy.port)
            for body in (b"one", b"one", b"two"):
                writer.write(b"POST /e/e/busy HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
                await asyncio.sleep(body_after_s)
                writer.write(body)
                assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 429")
            writer.close()
            calls.close()
            return proxy.episodes.get("e").account.attempts.counts

    at_once, later = asyncio.run(counted(0.0)), asyncio.run(counted(0.05))
    assert at_once == later
    assert (at_once.attempts, at_once.retries) == (3, 1)
