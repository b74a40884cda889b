"""Channels between a host and a stdio server: what becomes of each line, and what was done to each call."""

import json
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from earthwire.fault_models.action.documents import redirected
from earthwire.fault_models.channels import Answered, Channels
from earthwire.fault_models.observation.json_text import read_json, write_json
from earthwire.proxy.exchanges.rewriter import Rewriter
from earthwire.proxy.mcp.message import RequestId
from earthwire.proxy.mcp.reply import read_reply
from earthwire.proxy.mcp.stdio_call import Line, StdioCall

INDEXES_MAX = 100_000
"""Bound on the (episode, tool) pairs whose calls are counted; beyond, the oldest one starts at 0 again."""


class _Asked(msgspec.Struct):
    """A request whose answer is awaited: decoded, what its noise belongs to, and what was done so far."""

    message: object
    scope: tuple[str, ...]
    notes: dict[str, int]


class StdioChannels:
    """Applies channels to the lines of one session.

    Args:
        channels: of the server.
        warn: takes warnings.
    """

    def __init__(self, channels: Channels, warn: Callable[[str], None]) -> None:
        self._channels = channels
        self._rewriter = Rewriter(warn)
        self._asked: dict[RequestId, _Asked] = {}
        self._indexes: OrderedDict[tuple[str, str], int] = OrderedDict()

    def request(self, line: bytes, call: StdioCall) -> bytes | Line:
        """Return the line that the server gets of a request, or the one that the host gets instead.

        Args:
            line: of the host, with its end.
            call: that it makes.
        """
        request_id = call.message.id
        message = read_json(line)
        assert request_id is not None, "only requests are asked about"
        if message is None:
            return line
        # Schemas are held against numbers, while what is sent on keeps them as they are written.
        asked = self._channels.mcp_request(json.loads(line), call.episode, call.at_s)
        name = call.message.name or call.message.method or ""
        scope = (call.episode, name, str(self._next_index(call.episode, name)))
        self._asked[request_id] = _Asked(message, scope, dict(asked.changes))
        if isinstance(asked, Answered):
            data = write_json(asked.value)
            return Line(data + b"\n", reply=read_reply(data), is_ours=True)
        if "decoys_called" not in asked.changes:
            return line
        return write_json(redirected(message, asked.value)) + b"\n"

    async def answer(self, line: bytes, request_id: RequestId) -> bytes:
        """Return the line that the host gets of a server's answer."""
        asked, answer = self._asked.get(request_id), read_json(line)
        if asked is None or answer is None:
            return line
        passing = await self._rewriter.until_known(
            lambda: self._channels.mcp_answer(asked.message, answer, asked.scope, self._rewriter.answers)
        )
        if not passing.changes:
            return line
        try:
            data = write_json(passing.value)
        except UnicodeEncodeError:
            # Half of a surrogate pair, which JSON allows as an escape and UTF-8 does not.
            return line
        for name, count in passing.changes.items():
            asked.notes[name] = asked.notes.get(name, 0) + count
        return data + b"\n"

    def take_notes(self, request_id: RequestId) -> dict[str, int]:
        """Return what was done to a call that is over, by name, and forget it."""
        asked = self._asked.pop(request_id, None)
        return {} if asked is None else asked.notes

    def _next_index(self, episode: str, name: str) -> int:
        index = self._indexes.get((episode, name), 0)
        self._indexes[episode, name] = index + 1
        if len(self._indexes) > INDEXES_MAX:
            self._indexes.popitem(last=False)
        return index
