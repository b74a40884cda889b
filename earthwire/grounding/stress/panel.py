"""The panel: all built-in retry policies along recorded calls, and along a simulation of the same sessions."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np

from earthwire.fault_models.profile import Profile
from earthwire.fault_models.runs.retry_policy import POLICIES, RetryPolicy
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.certainty.clusters import CLUSTERS_MIN
from earthwire.grounding.fits.payloads import PayloadBank
from earthwire.grounding.stress.behaviour import PolicyCounts, apart, replayed, split_sessions, summed
from earthwire.grounding.stress.policy_gap import PolicyGap, Tolerance, in_world, policy_gap
from earthwire.grounding.stress.worlds import World, simulated_world
from earthwire.traces.columns.calls import Calls

PanelWord = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Progress = Callable[[str], None]

_NO_TIMES = "calls have no start times, so who waits cannot be told from who does not: see immediate"
_NO_WAITS = "no failed call of either world tells a Retry-After: see back-off"


class PanelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the panel shows, version 1 of the format.

    Attributes:
        earthwire_panel: version of the format.
        source: name of the traces.
        calls, sessions: that were recorded.
        world: what the simulated world is, in words.
        runs: simulations of each session.
        seed: of splits and draws.
        tolerance: how large a gap may be.
        policies: one row each, from the careless to the careful.
        word: FAIL if any policy fails; else INCONCLUSIVE if any is, or none could be judged.
        reasons: why, one sentence each.
    """

    earthwire_panel: Literal[1] = 1
    source: str
    calls: int
    sessions: int
    world: str
    runs: int
    seed: int
    tolerance: Tolerance
    policies: tuple[PolicyGap, ...]
    word: PanelWord
    reasons: tuple[str, ...]


def held_out_worlds(
    calls: Calls,
    payloads: PayloadBank,
    simulation_of: Callable[[Profile], Simulation],
    seed: int,
    runs: int,
    progress: Progress,
) -> Iterator[World]:
    """Yield simulations of sessions by what the other half of the sessions teaches: each is held out once.

    What answers look like is learned from all sessions; when calls fail, and how, from the other half alone.

    Args:
        calls: recorded ones.
        payloads: what the recorded answers looked like.
        simulation_of: of a profile.
        seed: of the split, and of the first simulation.
        runs: simulations of each session.
        progress: is told what is being done.
    """
    halves = split_sessions(calls, seed)
    for number, (learned, held_out) in enumerate((halves, halves[::-1]), start=1):
        progress(f"learning from half {number} of the sessions")
        # How latencies hang together does not matter here, and costs most of the time to find out.
        profile = calibrate(learned, payloads=payloads, engine="compact", has_intervals=False)
        yield from simulated_worlds(simulation_of(profile), held_out, seed, runs, progress)


def simulated_worlds(
    simulation: Simulation, calls: Calls, seed: int, runs: int, progress: Progress
) -> Iterator[World]:
    """Yield simulations of recorded sessions, each with a seed of its own."""
    for run in range(runs):
        progress(f"simulating, {run + 1} of {runs}")
        yield simulated_world(simulation.variant(seed=seed + run), calls)


def panel_rows(
    recorded: World,
    simulated: Iterable[World],
    runs: int,
    tolerance: Tolerance,
    policies: Sequence[RetryPolicy] = tuple(POLICIES.values()),
    has_same_sessions: bool = True,
) -> tuple[PolicyGap, ...]:
    """Return what each policy makes of recorded calls, and of simulations.

    Args:
        recorded: as they were recorded.
        simulated: simulations that together hold each session `runs` times.
        runs: simulations of each session.
        tolerance: how large the gap may be.
        policies: which.
        has_same_sessions: the sessions of both are the same ones.
    """
    in_simulation: list[list[PolicyCounts]] = [[] for _ in policies]
    tells_waits, unsure = _tells_waits(recorded), int(recorded.unsure.sum())
    for world in simulated:
        tells_waits = tells_waits or _tells_waits(world)
        unsure += int(world.unsure.sum())
        for counts, policy in zip(in_simulation, policies, strict=True):
            counts.append(replayed(policy, world))
    rows = []
    for policy, counts in zip(policies, in_simulation, strict=True):
        met, simulated_counts = replayed(policy, recorded), summed(counts)
        if not has_same_sessions:
            met, simulated_counts = apart(met, simulated_counts)
        row = policy_gap(policy.name, met, simulated_counts, runs, tolerance)
        reason = _why_not(policy, recorded.has_times, tells_waits, unsure)
        if reason is not None:
            row = PolicyGap(
                policy=policy.name, recorded=row.recorded, simulated=row.simulated, word="n/a", reason=reason
            )
        rows.append(row)
    return tuple(rows)


def with_common_tools(recorded: World, simulated: World) -> tuple[World, World]:
    """Return the calls of two worlds to those tools that both have; of no calls where they have none in common."""
    names = [
        {world.calls.tool_names[code] for code in set(world.calls.tool.tolist())}
        for world in (recorded, simulated)
    ]
    common = names[0] & names[1]
    one, other = (_of_tools(world, common) for world in (recorded, simulated))
    return one, other


def _of_tools(world: World, names: Container[str]) -> World:
    has_name = np.array([name in names for name in world.calls.tool_names], dtype=bool)
    rows = has_name[world.calls.tool]
    return World(world.calls.select(rows), world.failed[rows], world.asked_wait_s[rows])


def unjudged_rows(recorded: World, reason: str) -> tuple[PolicyGap, ...]:
    """Return rows of a world that is not simulated, since too little is known of it."""
    nothing = in_world(replayed(POLICIES["none"], World.of(recorded.calls.part(0, 0))))
    return tuple(
        PolicyGap(
            policy=policy.name,
            recorded=in_world(replayed(policy, recorded)),
            simulated=nothing,
            word="INCONCLUSIVE",
            reason=reason,
        )
        for policy in POLICIES.values()
    )


def too_little(calls: Calls) -> str | None:
    """Return why recorded calls say too little to be simulated; None if they may say enough."""
    if not any(kind != "unknown" for kind in calls.kind_names):
        return "the traces do not record how calls ended"
    if calls.session_count < CLUSTERS_MIN:
        return f"{calls.session_count} sessions: {CLUSTERS_MIN} are needed"
    return None


def panel_word(rows: Sequence[PolicyGap]) -> tuple[PanelWord, tuple[str, ...]]:
    """Return the word of the whole panel, and the sentences that it rests on."""
    judged = [row for row in rows if row.word != "n/a"]
    word: PanelWord = "PASS" if judged else "INCONCLUSIVE"
    for worse in ("FAIL", "INCONCLUSIVE"):
        failing = [row for row in judged if row.word == worse]
        if failing:
            return worse, tuple(f"{row.policy}: {row.reason}" for row in failing)
    return word, ("every policy fares as along recorded calls",) if judged else ("no policy can be judged",)


def _tells_waits(world: World) -> bool:
    return bool(np.isfinite(world.asked_wait_s[world.failed]).any())


def _why_not(policy: RetryPolicy, has_times: bool, tells_waits: bool, unsure: int) -> str | None:
    """Return why traces cannot tell a policy from a simpler one; None if they can."""
    if policy.wait_s and not has_times and not policy.verifies:
        return _NO_TIMES
    if policy.honours_retry_after and not policy.verifies and not tells_waits:
        return _NO_WAITS
    if policy.verifies and unsure:
        return (
            f"{unsure:,} failed calls leave open whether they did their work (time-outs, lost connections), "
            "so nobody knows what the question would have found"
        )
    return None
