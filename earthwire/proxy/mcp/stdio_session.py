"""A host and a stdio server with the draw between them: takes their lines, and says when which bytes go where."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.channels import CHANNELS_ATTRIBUTE, Channels
from earthwire.fault_models.conditions.virtual_time import Patience, given_up
from earthwire.fault_models.plan import PASS_THROUGH
from earthwire.fault_models.steps.layer import MCP_LAYERS, Layer
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.calls.routes import DEFAULT_EPISODE
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.calls.unknown_tools import UnknownTools
from earthwire.proxy.mcp.message import (
    ClientMessage,
    RequestId,
    arguments_key,
    cancelled_id,
    episode_of,
    is_batch,
    read_client_message,
)
from earthwire.proxy.mcp.record import mcp_notes, with_reply
from earthwire.proxy.mcp.reply import read_reply
from earthwire.proxy.mcp.schemas import OutputSchemas
from earthwire.proxy.mcp.stdio_call import Line, StdioCall, met_over_stdio
from earthwire.proxy.mcp.stdio_channels import StdioChannels
from earthwire.proxy.mcp.stdio_clock import StdioEpisode, on_its_clock
from earthwire.proxy.mcp.stdio_record import stdio_record
from earthwire.proxy.mcp.surface import TOOL_CALL
from earthwire.proxy.mcp.tool_names import ToolNames, tool_key
from earthwire.traces.record import TraceRecord

PENDING_MAX = 10_000
"""Requests under way whose answers are looked for; beyond, requests pass without a draw."""
EPISODES_MAX = 10_000
EPISODE_CHARACTERS_MAX = 128
"""Beyond either, calls belong to the episode of those that name none."""

Send = Callable[[bytes], Awaitable[None]]


class StdioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is simulated between a host and a stdio server.

    Attributes:
        server: name of the server, for tool keys.
        layers: where faults may surface.
        methods: requests that faults are drawn for.
        tool_keys: of the profile, those with most calls first.
        recorded_server: what the traces call the server, or None to find out.
        episode: of messages that name none.
        time_scale: real seconds in a simulated one; 0 waits for nothing.
        patience: of the host, which ends calls where nothing is waited for.
        keep_bodies: records hold the answers, redacted.
        channels: what is done to what passes, or None.
        spending: what episodes spend, and the refusal of calls beyond a budget; None for neither.
    """

    server: str
    layers: tuple[Layer, ...] = MCP_LAYERS
    methods: tuple[str, ...] = (TOOL_CALL,)
    tool_keys: tuple[str, ...] = ()
    recorded_server: str | None = None
    episode: str = DEFAULT_EPISODE
    time_scale: float = 1.0
    patience: Patience = Patience()
    keep_bodies: bool = False
    channels: Channels | None = None
    spending: Spending | None = None


class StdioSession:
    """Passes lines on; those that answer a request whose plan says so are late, changed, or ours.

    Attributes:
        broken: set when the plan of a call ends the server.

    Args:
        settings: what is simulated.
        planner: draws.
        to_host, to_server: write bytes, and wait while the reader is slow.
        record: takes the trace records.
        warn: takes warnings.
    """

    def __init__(
        self,
        settings: StdioSettings,
        planner: Planner,
        to_host: Send,
        to_server: Send,
        record: Callable[[TraceRecord], None],
        warn: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._planner = planner
        self._to_host = to_host
        self._to_server = to_server
        self._record = record
        self._warn = warn
        self._names = ToolNames(settings.server, settings.tool_keys, settings.recorded_server)
        self._unknown_tools = UnknownTools(settings.tool_keys, warn)
        self._channels = None if settings.channels is None else StdioChannels(settings.channels, warn)
        self._schemas = OutputSchemas()
        self._pending: dict[RequestId, StdioCall] = {}
        self._deliveries: dict[RequestId, asyncio.Task[None]] = {}
        self._episodes: dict[str, StdioEpisode] = {}
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self._session = f"{time.time_ns():x}"
        self._has_warned = False
        self.broken = asyncio.Event()

    async def from_host(self, line: bytes) -> None:
        """Take one line of the host."""
        message = read_client_message(line)
        if message is None:
            self._warn_of_batch(line)
        elif message.method == "notifications/cancelled":
            if not self._cancel(line):
                return
        elif message.kind == "request" and message.id not in self._pending and self._has_room:
            call = self._call(message, line, time.monotonic())
            assert message.id is not None, "a request has an id"
            self._pending[message.id] = call
            if not call.is_forwarded:
                own = call.own_line()
                if own is not None:
                    self._deliver_later(call, own)
                return
            if self._channels is not None:
                sent = self._channels.request(line, call)
                if isinstance(sent, Line):
                    self._deliver_later(call, sent)
                    return
                line = sent
        await self._to_server(line)

    async def from_server(self, line: bytes) -> None:
        """Take one line of the server."""
        reply = read_reply(line) if self._pending else None
        call = None if reply is None or reply.id is None else self._pending.get(reply.id)
        if call is None:
            await self._to_host(line)
        elif call.is_forwarded:
            self._deliver_later(call, line)

    async def settle(self, limit_s: float) -> None:
        """Wait for answers that are not due yet, up to a bound; then give up what is left."""
        if self._deliveries:
            await asyncio.wait(list(self._deliveries.values()), timeout=limit_s)
        for call in list(self._pending.values()):
            self._finish(call, None)

    @property
    def _has_room(self) -> bool:
        return len(self._pending) < PENDING_MAX

    def _call(self, message: ClientMessage, line: bytes, arrival_s: float) -> StdioCall:
        settings, spending = self._settings, self._settings.spending
        name, episode = self._episode(message, arrival_s)
        seq, at_s = episode.call_count, episode.at_s(arrival_s)
        episode.call_count = seq + 1
        tool = tool_key(message, self._names)
        drawn = Drawn(0, PASS_THROUGH)
        if message.method in settings.methods:
            self._unknown_tools.meet(tool)
            refusal = None if spending is None else spending.refusal(name)
            drawn = refusal or self._planner.draw(Call(name, tool, at_s=at_s))
        plan, layers = drawn.plan, settings.layers
        limit_s = settings.patience.limit_s(plan) if settings.time_scale == 0.0 else None
        if limit_s is not None:
            # Nobody waits on a virtual clock: what outlasts the host's patience has to say so itself.
            plan = given_up(plan, limit_s, settings.patience.shape)
            layers = tuple(layer for layer in layers if layer != "transport")
        episode.advance(plan.last_byte_s)
        met = met_over_stdio(plan, message, layers)
        arguments = None if spending is None else arguments_key(line)
        return StdioCall(message, tool, name, drawn, seq, arrival_s, met, at_s, plan.last_byte_s, arguments)

    def _episode(self, message: ClientMessage, arrival_s: float) -> tuple[str, StdioEpisode]:
        """Return the episode that a request belongs to, with its name; there is a bound on them."""
        name = episode_of(message) or self._settings.episode
        is_new = name not in self._episodes
        if len(name) > EPISODE_CHARACTERS_MAX or (is_new and len(self._episodes) >= EPISODES_MAX):
            name = self._settings.episode
        if name not in self._episodes:
            self._episodes[name] = StdioEpisode(arrival_s, self._settings.time_scale)
        return name, self._episodes[name]

    def _deliver_later(self, call: StdioCall, line: Line | bytes) -> None:
        assert call.message.id is not None, "only requests are answered"
        delivery = asyncio.get_running_loop().create_task(self._deliver(call, line))
        self._deliveries[call.message.id] = delivery

    async def _deliver(self, call: StdioCall, answer: Line | bytes) -> None:
        """Send an answer of ours, or the line that the server answered, once it is due."""
        assert call.message.id is not None, "only requests are answered"
        if isinstance(answer, bytes):
            if self._channels is not None:
                answer = await self._channels.answer(answer, call.message.id)
            line = call.server_line(answer)
            if line is None:
                return  # The server did its work, and its host hears nothing of it.
        else:
            line = answer
        due_s = call.arrival_s + call.drawn.plan.last_byte_s * self._settings.time_scale
        while (left_s := due_s - time.monotonic()) > 0:  # Timers of the loop may be a millisecond early.
            await asyncio.sleep(left_s)
        # First it is counted: the host may ask again before its writing is over, and what it spent has to be known.
        self._finish(call, line)
        await self._to_host(line.data)
        if line.ends:
            self.broken.set()
        # Only now, so that the end waits for it; meanwhile the host may have asked again under the same id.
        if self._deliveries.get(call.message.id) is asyncio.current_task():
            del self._deliveries[call.message.id]

    def _cancel(self, line: bytes) -> bool:
        """Give a request up that the host takes back; tell whether the server is to hear of it."""
        request_id = cancelled_id(line)
        call = None if request_id is None else self._pending.get(request_id)
        if call is None or request_id is None:
            return True
        delivery = self._deliveries.pop(request_id, None)
        if delivery is not None:
            delivery.cancel()
        self._finish(call, None)
        return call.is_forwarded and delivery is None

    def _finish(self, call: StdioCall, line: Line | None) -> None:
        """Record a call that is over; without a line its host never got an answer."""
        request_id = call.message.id
        assert request_id is not None, "only requests are recorded"
        self._pending.pop(request_id, None)
        reply = None if line is None else line.reply
        is_valid = self._schemas.judge(call.message, reply)
        notes, keep_bodies = mcp_notes(is_valid), self._settings.keep_bodies
        changes = {} if self._channels is None else self._channels.take_notes(request_id)
        if changes:
            notes[CHANNELS_ATTRIBUTE] = changes
        ended_s = time.monotonic()
        record = stdio_record(call, line, self._planner, ended_s, self._epoch_ns, self._session)
        scale = self._settings.time_scale
        record = on_its_clock(record, scale, call.performed_s, is_over=line is not None)
        record = with_reply(record, call.message, reply, notes, keep_bodies=keep_bodies)
        if self._settings.spending is not None:
            self._settings.spending.add_record(record, call.arguments)
        self._record(record)

    def _warn_of_batch(self, line: bytes) -> None:
        if is_batch(line) and not self._has_warned:
            self._has_warned = True
            self._warn("the host sends batches of messages, which pass untouched")
