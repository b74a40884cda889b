"""Observation, action and shield of one tool server, applied to what passes. Pure: the time comes with the call.

What passes is one of three: a message of MCP, a request to a model, or a call of a plain HTTP tool. Whoever performs
(HTTP, MCP over HTTP, MCP over standard streams) decodes, asks here, and sends what comes back.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from earthwire.fault_models.action.decoys import Decoy, DecoySettings
from earthwire.fault_models.action.documents import (
    TOOLS_CALL,
    TOOLS_LIST,
    called_in_last_turn,
    crowded_chat_request,
    crowded_mcp_result,
    tools_of_mcp_result,
)
from earthwire.fault_models.action.model_answer import model_form
from earthwire.fault_models.action.model_dialogue import Listing
from earthwire.fault_models.action.refusal import decoy_over_mcp, refused_over_mcp
from earthwire.fault_models.action.shield import READ_METHODS, Shield, ShieldedCall, Verdict
from earthwire.fault_models.observation.channel import NOTHING_REWRITTEN, ObservationChannel
from earthwire.fault_models.observation.chat import is_chat_request
from earthwire.fault_models.observation.rewrite import Rewrite

_Value = TypeVar("_Value")

CHANNELS_ATTRIBUTE = "earthwire.channels"
"""Attribute of a record that says what channels did to the call, by name: how often."""

NAMES_MAX = 10_000
"""Bound on the decoys, and on the tools that change nothing, that one server is remembered for."""


def changes_in(attributes: str | None) -> dict[str, int]:
    """Return what the attributes of a record say that channels did, by name: how often.

    >>> changes_in('{"earthwire.channels": {"typos": 2}}')
    {'typos': 2}
    """
    if attributes is None or CHANNELS_ATTRIBUTE not in attributes:
        return {}
    try:
        values = msgspec.json.decode(attributes, type=dict[str, object])
        return msgspec.convert(values.get(CHANNELS_ATTRIBUTE, {}), dict[str, int])
    except msgspec.DecodeError:
        return {}


class Passing(msgspec.Struct, frozen=True):
    """A document on its way.

    Attributes:
        value: decoded JSON, to be sent on.
        changes: what was done to it, by name: how often.
        listing: the decoys that it lists, if it is a request to a model and lists any.
    """

    value: object
    changes: dict[str, int] = {}
    listing: Listing | None = None


class Answered(msgspec.Struct, frozen=True):
    """An answer of our own; the tool is not asked.

    Attributes:
        value: decoded JSON.
        changes: why, by name.
    """

    value: object
    changes: dict[str, int]


class Channels:
    """What is done to the traffic of one tool server.

    Args:
        name: of the server; other servers get other decoys.
        observation: changes texts, or None.
        decoys: which decoys to list, or None.
        shield: judges calls, or None.
    """

    def __init__(
        self,
        name: str,
        observation: ObservationChannel | None = None,
        decoys: DecoySettings | None = None,
        shield: Shield | None = None,
    ) -> None:
        self._name = name
        self._observation = observation
        self._decoys = decoys
        self._shield = shield
        self._known_decoys: OrderedDict[str, Decoy] = OrderedDict()
        self._read_only: OrderedDict[str, None] = OrderedDict()

    def mcp_request(self, message: object, episode: str, at_s: float) -> Passing | Answered:
        """Return what the server gets of a client's message, or what the client gets instead.

        Args:
            message: decoded JSON-RPC; it is left as it is.
            episode: the agent run.
            at_s: when it came, on a clock that the calls of an episode share.
        """
        params = message.get("params") if isinstance(message, dict) else None
        name = params.get("name") if isinstance(params, dict) else None
        if (
            not isinstance(message, dict)
            or not isinstance(params, dict)
            or message.get("method") != TOOLS_CALL
            or not isinstance(name, str)
        ):
            return Passing(message)
        verdict = self._judged(
            ShieldedCall(episode, name, at_s, name in self._read_only, params.get("arguments"))
        )
        changes = {} if verdict is None else {f"shield_{verdict.rule}": 1}
        if verdict is not None and self._blocks:
            return Answered(_answer_to(message, refused_over_mcp(verdict)), changes)
        decoy = self._known_decoys.get(name)
        if decoy is None or self._decoys is None:
            return Passing(message, changes)
        changes["decoys_called"] = 1
        answer = decoy_over_mcp(decoy, self._decoys.answer)
        if answer is not None:
            return Answered(_answer_to(message, answer), changes)
        return Passing({**message, "params": {**params, "name": decoy.imitates}}, changes)

    def mcp_answer(
        self,
        request: object,
        answer: object,
        scope: Sequence[str],
        answers: Mapping[Rewrite, str] = NOTHING_REWRITTEN,
    ) -> Passing:
        """Return what the client gets of a server's answer.

        Args:
            request: that is answered, decoded.
            answer: decoded; it is left as it is.
            scope: what the noise belongs to: episode, tool and call index.
            answers: texts that were rewritten so far.

        Raises:
            RewriteNeededError: if a text has to be rewritten first.
        """
        method = request.get("method") if isinstance(request, dict) else None
        if method == TOOLS_LIST:
            return self._tool_list(answer)
        if method != TOOLS_CALL or self._observation is None:
            return Passing(answer)
        observed = self._observation.tool_result(answer, scope, answers)
        return Passing(observed.value, observed.changes)

    def chat_request(
        self, value: object, episode: str, answers: Mapping[Rewrite, str] = NOTHING_REWRITTEN
    ) -> Passing:
        """Return what a model gets of a request; a document that is none passes as it is.

        Raises:
            RewriteNeededError: if a text has to be rewritten first.
        """
        if not is_chat_request(value):
            return Passing(value)
        changes: dict[str, int] = {}
        listing: Listing | None = None
        if self._decoys is not None:
            crowded = crowded_chat_request(value, self._decoys, self._name)
            value, form = crowded.value, model_form(value)
            called = sum(name in crowded.decoys for name in called_in_last_turn(value))
            changes |= _counted(decoys_listed=len(crowded.decoys), decoys_called=called)
            if crowded.decoys and form is not None:
                listing = Listing(form, crowded.decoys, self._decoys.answer)
        if self._observation is not None and self._observation.user_turns:
            observed = self._observation.chat_request(value, episode, answers)
            value = observed.value
            changes |= observed.changes
        return Passing(value, changes, listing)

    def tool_result(
        self, value: object, scope: Sequence[str], answers: Mapping[Rewrite, str] = NOTHING_REWRITTEN
    ) -> Passing:
        """Return what the agent gets of the result of a plain HTTP tool.

        Raises:
            RewriteNeededError: if a text has to be rewritten first.
        """
        if self._observation is None:
            return Passing(value)
        observed = self._observation.tool_result(value, scope, answers)
        return Passing(observed.value, observed.changes)

    def http_verdict(self, method: str, tool: str, episode: str, at_s: float) -> tuple[Verdict | None, bool]:
        """Return the shield's verdict on the call of an HTTP tool, and whether it is to be blocked.

        Its arguments are not declared anywhere, so they are not judged.
        """
        verdict = self._judged(ShieldedCall(episode, tool, at_s, method in READ_METHODS))
        return verdict, verdict is not None and self._blocks

    def forget(self, episode: str) -> None:
        """Count the calls of an episode from 0 again."""
        if self._shield is not None:
            self._shield.forget(episode)

    @property
    def _blocks(self) -> bool:
        return self._shield is not None and self._shield.policy.mode == "block"

    def _judged(self, call: ShieldedCall) -> Verdict | None:
        return None if self._shield is None else self._shield.judge(call)

    def _tool_list(self, answer: object) -> Passing:
        """Learn what a list of tools declares, and put decoys on it."""
        for tool in tools_of_mcp_result(answer):
            if self._shield is not None:
                self._shield.learn(tool.name, tool.schema)
            if tool.is_read_only:
                _remember(self._read_only, tool.name, None)
        if self._decoys is None:
            return Passing(answer)
        crowded = crowded_mcp_result(answer, self._decoys, self._name)
        for name, decoy in crowded.decoys.items():
            _remember(self._known_decoys, name, decoy)
        return Passing(crowded.value, _counted(decoys_listed=len(crowded.decoys)))


def _answer_to(request: dict[str, object], members: dict[str, object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": request.get("id"), **members}


def _counted(**counts: int) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _remember(table: OrderedDict[str, _Value], name: str, value: _Value) -> None:
    table[name] = value
    if len(table) > NAMES_MAX:
        table.popitem(last=False)
