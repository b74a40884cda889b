"""A source with channels before it: what passes is looked into, changed, or answered in the tool's place.

Only servers whose recipe has a channel on get one. Without channels nothing is read whole, decoded or written anew.
"""

import copy
import json
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import msgspec

from earthwire.fault_models.action import restored
from earthwire.fault_models.action.documents import redirected
from earthwire.fault_models.action.refusal import HttpRefusal, refused_over_http
from earthwire.fault_models.channels import Answered, Channels, Passing
from earthwire.fault_models.observation.chat import is_chat_request
from earthwire.fault_models.observation.json_text import read_json, write_json
from earthwire.proxy.exchanges.changed_exchange import AnsweredExchange, ChangedExchange, own_head
from earthwire.proxy.exchanges.hidden_turns import HiddenTurnStore
from earthwire.proxy.exchanges.model_exchange import ModelExchange
from earthwire.proxy.exchanges.rewriter import Rewriter
from earthwire.proxy.limits import Limits
from earthwire.proxy.upstreams.replay_upstream import ReplaySource
from earthwire.proxy.wire.body import complete_body
from earthwire.proxy.wire.exchange import Exchange, Source
from earthwire.proxy.wire.headers import serialise
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import Request

TOOLS_MAX = 10_000
"""Bound on the tools of an episode whose calls are counted; beyond, the oldest one starts at 0 again."""

_JSON = "application/json"
_CODED = (b"accept-encoding",)
"""Dropped: a coding that we cannot undo would hide the texts."""


class ChannelSource:
    """Stands before another source.

    Args:
        inner: what answers.
        channels: what is done to what passes.
        limits: bounds.
        rewriter: asks endpoints that rewrite texts.
    """

    def __init__(self, inner: Source, channels: Channels, limits: Limits, rewriter: Rewriter) -> None:
        self._inner = inner
        self._channels = channels
        self._limits = limits
        self._rewriter = rewriter
        self._indexes: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._hidden = HiddenTurnStore()
        self._draws_as: str | None = None
        self._time_of: Callable[[Request], float] = _arrival_s

    def for_episode(
        self, time_of: Callable[[Request], float], channels: Channels | None, draws_as: str
    ) -> "ChannelSource":
        """Return the same source for the calls of one episode that has a clock, and perhaps channels, of its own.

        Args:
            time_of: tells when a request came, in seconds on a clock that all calls of the episode share.
            channels: its own ones, instead of those of the server; None if it has none.
            draws_as: name that the noise of its own channels is drawn under.
        """
        own = copy.copy(self)
        own._time_of = time_of
        if channels is not None:
            own._channels, own._indexes, own._draws_as = channels, OrderedDict(), draws_as
        return own

    @property
    def server_address(self) -> str | None:
        """Host name of the real tool."""
        return self._inner.server_address

    async def check(self) -> None:
        """Check the source behind."""
        await self._inner.check()

    async def forward(self, request: Request, target: str, episode: str) -> Exchange:
        """Send a request on as the channels let it (see `earthwire.proxy.wire.exchange.Source`)."""
        path = target.partition("?")[0]
        data = await self._whole_body(request)
        document = read_json(data) if data else None
        if _is_rpc(document):
            return await self._forward_rpc(request, target, episode, data, document)
        if is_chat_request(document):
            passing = await self._rewriter.until_known(
                lambda: self._channels.chat_request(document, self._name_of(episode), self._rewriter.answers)
            )
            return await self._forward_chat(request, target, episode, data, passing)
        return await self._forward_tool(request, target, episode, path, data)

    def forget(self, episode: str) -> None:
        """Start an episode anew."""
        self._indexes.pop(episode, None)
        self._hidden.forget(episode)
        self._channels.forget(episode)
        if isinstance(self._inner, ReplaySource):
            self._inner.forget(episode)

    def retire(self) -> None:
        """Retire the source behind."""
        self._inner.retire()

    def close(self) -> None:
        """Close the source behind."""
        self._inner.close()

    async def _forward_chat(
        self, request: Request, target: str, episode: str, data: bytes, passing: Passing
    ) -> Exchange:
        """Forward a request to a model."""

        async def ask(body: bytes) -> Exchange:
            return await self._inner.forward(_request_with(request, body), target, episode)

        value, listing = passing.value, passing.listing
        if listing is None or not isinstance(value, dict):
            return ChangedExchange(await ask(_bytes_of(passing, data)), None, passing.changes, self._limits)
        value = restored(listing.form, value, self._hidden.of(episode))
        hide = partial(self._hidden.hide, episode)
        sent = _bytes_of(msgspec.structs.replace(passing, value=value), data)
        return ModelExchange(await ask(sent), ask, hide, listing, value, passing.changes, self._limits)

    async def _forward_tool(
        self, request: Request, target: str, episode: str, path: str, data: bytes
    ) -> Exchange:
        """Forward a call of a plain HTTP tool."""
        tool = f"{request.line.method} {path}"
        at_s = self._time_of(request)
        verdict, is_blocked = self._channels.http_verdict(request.line.method, tool, episode, at_s)
        changes = {} if verdict is None else {f"shield_{verdict.rule}": 1}
        if verdict is not None and is_blocked:
            return _refused(refused_over_http(verdict), changes)
        scope = (self._name_of(episode), tool, self._next_index(episode, tool))
        exchange = await self._inner.forward(_request_with(request, data), target, episode)

        async def change(body: bytes) -> tuple[bytes, dict[str, int]]:
            document = read_json(body)
            if document is None:
                return body, {}
            passing = await self._rewriter.until_known(
                lambda: self._channels.tool_result(document, scope, self._rewriter.answers)
            )
            return _bytes_of(passing, body), passing.changes

        return ChangedExchange(exchange, change, changes, self._limits)

    async def _forward_rpc(
        self, request: Request, target: str, episode: str, data: bytes, message: object
    ) -> Exchange:
        """Forward a message to an MCP server."""
        asked = self._channels.mcp_request(_plain(data), episode, self._time_of(request))
        if isinstance(asked, Answered):
            answer_bytes = write_json(asked.value)
            return AnsweredExchange(own_head(200, _JSON, (), answer_bytes), answer_bytes, asked.changes)
        name = _called_by(message)
        scope = (self._name_of(episode), name, self._next_index(episode, name))
        # Numbers are sent on as they are written; only a call that was led elsewhere is written anew.
        sent = write_json(redirected(message, asked.value)) if "decoys_called" in asked.changes else data
        exchange = await self._inner.forward(_request_with(request, sent), target, episode)

        async def change(body: bytes) -> tuple[bytes, dict[str, int]]:
            answer = read_json(body)
            if answer is None:
                return body, {}
            passing = await self._rewriter.until_known(
                lambda: self._channels.mcp_answer(message, answer, scope, self._rewriter.answers)
            )
            return _bytes_of(passing, body), passing.changes

        return ChangedExchange(exchange, change, asked.changes, self._limits)

    async def _whole_body(self, request: Request) -> bytes:
        data = await request.body.read_all(self._limits.whole_body_bytes_max)
        if data is None:
            most = self._limits.whole_body_bytes_max
            raise RequestRefusedError(
                413, "body_too_long", f"a request that channels look into has at most {most} bytes"
            )
        return data

    def _name_of(self, episode: str) -> str:
        """Return the name that the noise of an episode is drawn under."""
        return episode if self._draws_as is None else self._draws_as

    def _next_index(self, episode: str, tool: str) -> str:
        """Return the number of a call among those of its tool in its episode that were forwarded."""
        indexes = self._indexes.get(episode)
        if indexes is None:
            indexes = self._indexes[episode] = {}
            if len(self._indexes) > self._limits.episodes_max:
                self._indexes.popitem(last=False)
        index = indexes.get(tool, 0)
        if index == 0 and len(indexes) >= TOOLS_MAX:
            del indexes[next(iter(indexes))]
        indexes[tool] = index + 1
        return str(index)


def _bytes_of(passing: Passing, before: bytes) -> bytes:
    """Return a document as bytes: the very same ones where nothing was changed, or where it cannot be written."""
    if not passing.changes:
        return before
    try:
        return write_json(passing.value)
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON allows as an escape and UTF-8 does not.
        return before


def _request_with(request: Request, data: bytes) -> Request:
    """Return a request with another body, whole, and with the length that fits."""
    headers = request.headers
    fields = [field for field in headers.fields if field[0].lower() not in _CODED]
    has_body = bool(data) or headers.content_length is not None or headers.chunked
    length = b"Content-Length: %d\r\n" % len(data) if has_body else b""
    new_headers = msgspec.structs.replace(
        headers,
        fields=fields,
        forwarded=serialise(b"", fields) + length + b"\r\n",
        content_length=len(data) if has_body else None,
        chunked=False,
        expects_continue=False,
    )
    return msgspec.structs.replace(request, headers=new_headers, body=complete_body(data))


def _refused(refusal: HttpRefusal, changes: dict[str, int]) -> AnsweredExchange:
    return AnsweredExchange(
        own_head(refusal.status, _JSON, refusal.headers, refusal.body), refusal.body, changes
    )


def _is_rpc(document: object) -> bool:
    return isinstance(document, dict) and document.get("jsonrpc") == "2.0" and "method" in document


def _arrival_s(request: Request) -> float:
    return request.arrival_s


def _called_by(message: object) -> str:
    """Return what a message calls: its tool, else its method."""
    assert isinstance(message, dict), "it was told to be a message"
    params = message.get("params")
    name = params.get("name") if isinstance(params, dict) else None
    return name if isinstance(name, str) else str(message["method"])


def _plain(data: bytes) -> object:
    """Return a document with its numbers as numbers, for schemas to be held against."""
    return json.loads(data)
