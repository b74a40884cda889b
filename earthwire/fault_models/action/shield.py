"""The shield: checks between the agent's calls and the tools. It judges; whoever performs blocks, or only records.

The rules are asked in this order, and the first that objects decides: deny, allow, read-only, arguments, calls of the
episode, calls in a minute. Only calls that pass are counted.
"""

import contextlib
from collections import OrderedDict, deque
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeVar

import msgspec

from earthwire.fault_models.declared_schema import DeclaredSchema, UncheckableError

ShieldRule = Literal["denied", "not_allowed", "read_only", "arguments", "calls", "rate"]
ShieldMode = Literal["block", "shadow"]

WINDOW_S = 60.0
STREAMS_MAX = 100_000
"""Bound on the (episode, tool) pairs whose calls are counted; beyond, the oldest one starts at 0 again."""
SCHEMAS_MAX = 1_000
"""Bound on the tools whose schemas are kept."""
MESSAGE_CHARACTERS_MAX = 300
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


class Shield:
    """Judges calls, and remembers how many passed.

    Args:
        policy: what may be called.
    """

    def __init__(self, policy: ShieldPolicy) -> None:
        self.policy = policy
        self._schemas: OrderedDict[str, DeclaredSchema] = OrderedDict()
        self._passed: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._recent: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

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
        key, policy = (call.episode, call.tool), self.policy
        if policy.calls_max is not None and self._passed.get(key, 0) >= policy.calls_max:
            return Verdict("calls", f"The quota of {policy.calls_max} calls is used up.")
        if policy.calls_per_minute_max is None:
            return None
        recent = self._recent.get(key, deque())
        while recent and recent[0] <= call.at_s - WINDOW_S:
            recent.popleft()
        if len(recent) < policy.calls_per_minute_max:
            return None
        message = f"Rate limit of {policy.calls_per_minute_max} calls per minute exceeded."
        return Verdict("rate", message, recent[0] + WINDOW_S - call.at_s)

    def _count(self, call: ShieldedCall) -> None:
        key = (call.episode, call.tool)
        if self.policy.calls_max is not None:
            self._passed[key] = self._passed.get(key, 0) + 1
            _bounded(self._passed)
        if self.policy.calls_per_minute_max is not None:
            recent = self._recent.setdefault(key, deque(maxlen=self.policy.calls_per_minute_max))
            recent.append(call.at_s)
            _bounded(self._recent)


def _bounded(table: OrderedDict[tuple[str, str], _Value]) -> None:
    if len(table) > STREAMS_MAX:
        table.popitem(last=False)
