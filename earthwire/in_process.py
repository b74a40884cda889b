"""Simulated tools without a wire: a Python callable that is as slow and as faulty as the recorded tool.

The plans are those that the proxy draws for the same profile, seed, episode, tool and call index. What the proxy does
to bytes is done to the callable's result: faults of the connection and of HTTP are raised (`earthwire.tool_errors`),
damaged bodies are returned. The clock is virtual unless told otherwise: nothing waits, the episode adds the time up.
"""

import asyncio
import difflib
import functools
import inspect
import math
import time
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar, cast

from earthwire.config.profile_file import read_profile
from earthwire.config.shipped import profile_path
from earthwire.fault_models.call import Call
from earthwire.fault_models.conditions.virtual_time import EpisodeClock, Patience
from earthwire.fault_models.plan import Plan
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.simulation import Simulation
from earthwire.fault_models.steps.delivery import RELAYED_KINDS
from earthwire.next_calls import NextCalls
from earthwire.plan_result import PlannedCall
from earthwire.tool_errors import ToolTimeoutError

DEFAULT_EPISODE = "default"
_PROFILES_KEPT = 8

Tool = TypeVar("Tool", bound=Callable[..., Any])
Laws = str | Path | Profile | Simulation


class SimulatedEpisode:
    """One agent run in process: the tools that it wraps share its seed, its clock and its account.

    Attributes:
        name: that plans are drawn under.
        seed: of its draws.
        outcomes: calls that are over, by planned outcome kind.
        latency_s: latencies as the agent is to count them, added up: on this episode's clock, within its patience.

    Args:
        profile: the laws: a profile, the name of a shipped one, the path of a file, or a `Simulation`. One simulation
            for many episodes saves working out the laws again.
        seed: of its draws; with a `Simulation`, None stands for its own seed.
        name: that plans are drawn under; equal seeds and names give equal plans.
        clock: ``virtual`` waits for nothing, ``real`` as long as drawn, ``scaled`` shorter by `speed`.
        speed: with ``scaled``, simulated seconds in a real one; positive.
        client_timeout_s: patience of the agent, in seconds of its clock.
        severity: of the laws, 1 as recorded; None as the simulation has it.
    """

    def __init__(
        self,
        profile: Laws,
        seed: int | None = 0,
        name: str = DEFAULT_EPISODE,
        *,
        clock: EpisodeClock = "virtual",
        speed: float = 1.0,
        client_timeout_s: float | None = None,
        severity: float | None = None,
    ) -> None:
        if speed <= 0.0:
            raise ValueError(f"speed is {speed:g}: it has to be positive")
        self.name = name
        self._simulation = _simulation(profile).variant(seed, severity)
        self.seed = self._simulation.seed
        self._seconds_per_second = {"virtual": 0.0, "real": 1.0, "scaled": 1.0 / speed}[clock]
        self._patience = Patience(client_timeout_s)
        self._calls: dict[str, NextCalls] = {}
        # A plain dictionary is a third faster than a Counter.
        self.outcomes: dict[str, int] = dict.fromkeys(RELAYED_KINDS, 0)
        self.latency_s = 0.0
        self._cut_off_s = 0.0

    @property
    def call_count(self) -> int:
        """Calls that are over."""
        return sum(self.outcomes.values())

    @property
    def intended_s(self) -> float:
        """Latencies as drawn, added up, in seconds."""
        return self.latency_s + self._cut_off_s

    @property
    def fault_count(self) -> int:
        """Calls that were planned to fail."""
        return sum(count for kind, count in self.outcomes.items() if kind not in RELAYED_KINDS)

    def tool(self, function: Tool, name: str | None = None, target: str = "") -> Tool:
        """Wrap a callable, sync or async.

        Args:
            function: stands for the tool itself. It is not called where the plan never asks the tool.
            name: key of the tool in the profile; without one the callable's own name.
            target: path and query that error bodies of the tool may repeat.

        Warns:
            UserWarning: if the profile has tools, but none of that name: it then behaves as an unknown one.
        """
        _warn_of_unknown(name or function.__name__, self._simulation.profile.tools)
        call = Call(self.name, name or function.__name__, target=target)
        wrapper = (
            self._async(function, call)
            if inspect.iscoroutinefunction(function)
            else self._sync(function, call)
        )
        return cast(Tool, functools.update_wrapper(wrapper, function))

    def _sync(self, function: Callable[..., Any], call: Call) -> Callable[..., Any]:
        go_on, outcomes = self._calls_of(call).next, self.outcomes
        patience_s = math.inf if self._patience.timeout_s is None else self._patience.timeout_s
        waits = self._seconds_per_second > 0.0

        def simulated(*arguments: Any, **named: Any) -> Any:
            kind, latency_s = go_on()
            if kind in RELAYED_KINDS and latency_s <= patience_s and not waits:
                # The usual call, and nothing to wait for: all that is left is to count it.
                outcomes[kind] += 1
                self.latency_s += latency_s
                return function(*arguments, **named)
            started_s = time.monotonic()
            drawn = self._calls_of(call).drawn()
            plan = drawn.plan
            planned = PlannedCall(plan, call.tool, reused=drawn.call_index > 0)
            limit_s = self._account(plan)
            if planned.is_forwarded:
                planned.answer(function(*arguments, **named))
            wait_s = self._wait_s(plan, limit_s, started_s)
            if wait_s > 0.0:
                time.sleep(wait_s)
            return _result(planned, limit_s)

        return simulated

    def _async(self, function: Callable[..., Any], call: Call) -> Callable[..., Any]:
        calls = self._calls_of(call)

        async def simulated(*arguments: Any, **named: Any) -> Any:
            started_s = time.monotonic()
            calls.next()
            drawn = calls.drawn()
            plan = drawn.plan
            planned = PlannedCall(plan, call.tool, reused=drawn.call_index > 0)
            limit_s = self._account(plan)
            if planned.is_forwarded:
                planned.answer(await function(*arguments, **named))
            wait_s = self._wait_s(plan, limit_s, started_s)
            if wait_s > 0.0:
                await asyncio.sleep(wait_s)
            return _result(planned, limit_s)

        return simulated

    def _calls_of(self, call: Call) -> NextCalls:
        """Return the calls of a tool: the same for all callables that stand for it."""
        known = self._calls.get(call.tool)
        if known is None:
            known = self._calls[call.tool] = NextCalls(self._simulation, call)
        return known

    def _account(self, plan: Plan) -> float | None:
        """Count a call; return after how many seconds the agent gives it up, None if it sees its end."""
        limit_s = self._patience.limit_s(plan)
        self.outcomes[plan.outcome] = self.outcomes.get(plan.outcome, 0) + 1
        latency_s = plan.last_byte_s if limit_s is None else limit_s
        self.latency_s += latency_s
        self._cut_off_s += plan.last_byte_s - latency_s
        return limit_s

    def _wait_s(self, plan: Plan, limit_s: float | None, started_s: float) -> float:
        """Return how long to wait until the call is due; the callable's own time counts inside."""
        due_s = (plan.last_byte_s if limit_s is None else limit_s) * self._seconds_per_second
        return due_s - (time.monotonic() - started_s) if due_s else 0.0


def _result(planned: PlannedCall, limit_s: float | None) -> Any:
    if limit_s is not None:
        raise ToolTimeoutError(planned.tool, limit_s)
    return planned.result()


def _warn_of_unknown(name: str, tools: Collection[str]) -> None:
    if not tools or name in tools:
        return
    near = difflib.get_close_matches(name, tools, n=1, cutoff=0.3) or list(tools)[:1]
    warnings.warn(
        f"the profile has no tool {name!r}, so that it behaves as an unknown one; with name={near[0]!r} it is that one",
        stacklevel=_levels_to_the_user(),
    )


def _levels_to_the_user() -> int:
    """Return how far up whoever called this package is, as whoever calls this function counts for a warning."""
    level, frame = 1, inspect.currentframe()
    frame = None if frame is None else frame.f_back
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    return level


def _simulation(profile: Laws) -> Simulation:
    if isinstance(profile, Simulation):
        return profile
    if isinstance(profile, Profile):
        return Simulation(profile, 0)
    path = profile if isinstance(profile, Path) else profile_path(profile)
    changed_ns = path.stat().st_mtime_ns if path.exists() else 0
    return _read(path, changed_ns)


@functools.lru_cache(_PROFILES_KEPT)
def _read(path: Path, changed_ns: int) -> Simulation:
    return Simulation(read_profile(path), 0)
