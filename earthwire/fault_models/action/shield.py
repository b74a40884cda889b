"""The shield: checks between the agent's calls and the tools. It judges; whoever performs blocks, or only records.

The rules are asked in this order, and the first that objects decides: deny, allow, read-only, arguments, calls of the
episode, calls in a minute. Only calls that pass are counted.
"""

import contextlib
from collections import OrderedDict, deque
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeVar

import msgspec

from earthwire.fault_models.declared_schema import DeclaredSchema, UncheckableError

ShieldRule = Literal["denied", "not_allowed", "read_only", "arguments", "calls", "rate"]
ShieldMode = Literal["block", "shadow"]

WINDOW_S = 60.0
EPISODES_MAX = 20_000
TOOLS_MAX = 1_000
"""Bounds on the episodes, and on the tools of each, whose calls are counted; beyond, the oldest starts at 0 again."""
SCHEMAS_MAX = 1_000
"""Bound on the tools whose schemas are kept."""
MESSAGE_CHARACTERS_MAX = 300
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

READ_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class ShieldPolicy(msgspec.Struct, frozen=True):
    """What may be called.

    Attributes:
        mode: what becomes of a verdict.
        validate_arguments: against the declared schema.
        allow: name patterns of tools that may be called; none: all.
        deny: name patterns of tools that may not.
        read_only: only calls that change nothing.
        calls_per_minute_max: of one tool in any 60 s of an episode, or None.
        calls_max: of one tool in an episode, or None.
    """

    mode: ShieldMode = "block"
    validate_arguments: bool = True
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    read_only: bool = False
    calls_per_minute_max: int | None = None
    calls_max: int | None = None


class ShieldedCall(msgspec.Struct, frozen=True):
    """One call before it reaches its tool.

    Attributes:
        episode: the agent run.
        tool: its name.
        at_s: when it came, on any clock in seconds that the calls of an episode share.
        changes_nothing: it is a read, as far as that is declared.
        arguments: decoded, or None where they are not known.
    """

    episode: str
    tool: str
    at_s: float
    changes_nothing: bool
    arguments: object = None


class Verdict(msgspec.Struct, frozen=True):
    """Why a call is not to pass.

    Attributes:
        rule: that objects.
        message: as a server would say it.
        retry_after_s: when it would pass, where that is known.
    """

    rule: ShieldRule
    message: str
    retry_after_s: float | None = None


class _PassedCalls:
    """Calls of one tool in one episode that passed.

    Attributes:
        count: of all of them.
        times_s: when the last ones came.
    """

    __slots__ = ("count", "times_s")

    def __init__(self, policy: ShieldPolicy) -> None:
        self.count = 0
        self.times_s: deque[float] = deque(maxlen=policy.calls_per_minute_max or 0)


class Shield:
    """Judges calls, and remembers how many passed.

    Args:
        policy: what may be called.
    """

    def __init__(self, policy: ShieldPolicy) -> None:
        self.policy = policy
        self._schemas: OrderedDict[str, DeclaredSchema] = OrderedDict()
        self._passed: OrderedDict[str, OrderedDict[str, _PassedCalls]] = OrderedDict()

    def learn(self, tool: str, schema: dict[str, object] | None) -> None:
        """Take note of the declared schema of a tool's arguments; one that cannot be checked is not."""
        self._schemas.pop(tool, None)
        if schema is None or not self.policy.validate_arguments:
            return
        with contextlib.suppress(ValueError):
            self._schemas[tool] = DeclaredSchema(schema)
        if len(self._schemas) > SCHEMAS_MAX:
            self._schemas.popitem(last=False)

    def judge(self, call: ShieldedCall) -> Verdict | None:
        """Return why a call is not to pass; None lets it pass and counts it."""
        verdict = self._of_policy(call) or self._of_arguments(call) or self._of_counts(call)
        if verdict is None or self.policy.mode == "shadow":
            self._count(call)
        return verdict

    def forget(self, episode: str) -> None:
        """Count the calls of an episode from 0 again."""
        self._passed.pop(episode, None)

    def _of_policy(self, call: ShieldedCall) -> Verdict | None:
        policy = self.policy
        if any(fnmatchcase(call.tool, pattern) for pattern in policy.deny):
            return Verdict("denied", f"Access to {call.tool} is denied.")
        if policy.allow and not any(fnmatchcase(call.tool, pattern) for pattern in policy.allow):
            return Verdict("not_allowed", f"Access to {call.tool} is not allowed.")
        if policy.read_only and not call.changes_nothing:
            return Verdict("read_only", f"{call.tool} is not permitted: access is read-only.")
        return None

    def _of_arguments(self, call: ShieldedCall) -> Verdict | None:
        schema = self._schemas.get(call.tool)
        if schema is None:
            return None
        try:
            error = schema.problem({} if call.arguments is None else call.arguments)
        except UncheckableError:
            return None
        if error is None:
            return None
        place = ".".join(map(str, error.absolute_path))
        where = f" at {place}" if place else ""
        return Verdict("arguments", f"Invalid arguments{where}: {error.message[:MESSAGE_CHARACTERS_MAX]}")

    def _of_counts(self, call: ShieldedCall) -> Verdict | None:
        policy, tools = self.policy, self._passed.get(call.episode)
        passed = None if tools is None else tools.get(call.tool)
        if passed is None:
            return None
        if policy.calls_max is not None and passed.count >= policy.calls_max:
            return Verdict("calls", f"The quota of {policy.calls_max} calls is used up.")
        if policy.calls_per_minute_max is None:
            return None
        times_s = passed.times_s
        while times_s and times_s[0] <= call.at_s - WINDOW_S:
            times_s.popleft()
        if len(times_s) < policy.calls_per_minute_max:
            return None
        message = f"Rate limit of {policy.calls_per_minute_max} calls per minute exceeded."
        return Verdict("rate", message, times_s[0] + WINDOW_S - call.at_s)

    def _count(self, call: ShieldedCall) -> None:
        if self.policy.calls_max is None and self.policy.calls_per_minute_max is None:
            return
        tools = _kept(self._passed, call.episode, OrderedDict, EPISODES_MAX)
        passed = _kept(tools, call.tool, lambda: _PassedCalls(self.policy), TOOLS_MAX)
        passed.count += 1
        passed.times_s.append(call.at_s)


def _kept(table: OrderedDict[_Key, _Value], key: _Key, make: Callable[[], _Value], count_max: int) -> _Value:
    """Return what a table holds under a key, made if it is new; of more than `count_max` the oldest one is dropped."""
    value = table.get(key)
    if value is None:
        value = table[key] = make()
        if len(table) > count_max:
            table.popitem(last=False)
    return value
