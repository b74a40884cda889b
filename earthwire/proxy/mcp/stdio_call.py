"""One request over the standard streams: what is drawn for it, and the bytes that its answer becomes."""

from math import floor

import msgspec

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import (
    PASS_THROUGH,
    Abort,
    Body,
    Forward,
    Plan,
    Raw,
    RelayBody,
    RelayDamaged,
    RelayFalseHead,
    RelayPart,
    Step,
    steps_on,
)
from earthwire.fault_models.steps.layer import Layer
from earthwire.proxy.mcp.content import damaged_message, garbled_message
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.reply import Reply, read_reply, reply_bytes
from earthwire.proxy.mcp.surface import BelowProtocol, OwnReply, RelayReply, Surfaced, loses_reply, surfaced


class Line(msgspec.Struct, frozen=True):
    """What goes to the host in answer to a request.

    Attributes:
        data: bytes, with a line end unless the server is to die in the middle of the line.
        ends: the server ends after them.
        reply: what the host can read of them, or None.
        is_ours: they are not what the server answered.
    """

    data: bytes
    ends: bool = False
    reply: Reply | None = None
    is_ours: bool = False


class StdioCall(msgspec.Struct, eq=False):
    """One request of the host.

    Attributes:
        message: the request.
        tool: key that it is grouped by.
        episode: the agent run it belongs to.
        drawn: what is planned.
        seq: number of the call in its episode, from 0.
        arrival_s: when it came (monotonic).
        met: what the host is to meet.
        at_s: when it came, on its episode's clock.
        performed_s: what it takes as it is performed, in simulated seconds.
        arguments: equal for equal calls; None where nobody wants to know.
    """

    message: ClientMessage
    tool: str
    episode: str
    drawn: Drawn
    seq: int
    arrival_s: float
    met: Surfaced
    at_s: float = 0.0
    performed_s: float = 0.0
    arguments: str | None = None

    @property
    def is_forwarded(self) -> bool:
        """Whether the server sees the request."""
        if isinstance(self.met, OwnReply):
            return loses_reply(self.drawn.plan)
        return isinstance(self.met, RelayReply) or isinstance(self._steps[0], Forward)

    @property
    def is_silent(self) -> bool:
        """Whether the host never gets an answer."""
        return isinstance(self.met, BelowProtocol) and self._steps[-1] == Abort("hang")

    @property
    def _steps(self) -> tuple[Step, ...]:
        """The steps of the plan; the streams have served a call before, if only the one that set them up."""
        return steps_on(self.drawn.plan, reused=True)

    def own_line(self) -> Line | None:
        """Return what the host gets whatever the server says; None for nothing at all."""
        if isinstance(self.met, OwnReply):
            assert self.message.id is not None, "only requests are answered"
            data = reply_bytes(self.met.reply, self.message.id)
            return Line(data + b"\n", reply=read_reply(data), is_ours=True)
        if self.is_silent:
            return None
        garbage = b"".join(step.data for step in self._steps if isinstance(step, Body | Raw))
        return Line(garbage.rstrip() + b"\n", is_ours=True) if garbage else Line(b"", ends=True, is_ours=True)

    def server_line(self, line: bytes) -> Line | None:
        """Return what the host gets of the server's answer; None for nothing at all.

        Args:
            line: with its end.
        """
        if isinstance(self.met, RelayReply):
            changed = damaged_message(line, self.met.damage) if self.met.damage is not None else None
            if changed is None:
                return Line(line, reply=read_reply(line))
            return Line(changed + b"\n", reply=read_reply(changed), is_ours=True)
        if isinstance(self.met, OwnReply) or loses_reply(self.drawn.plan):
            return self.own_line()
        return _line_below(line, self._steps)


def _line_below(line: bytes, steps: tuple[Step, ...]) -> Line:
    """Return what comes of a server's line under a fault below the protocol.

    A line has no head that could say what is not true; what a wrong head does to its reader, an end in the middle of
    the line does here.
    """
    sent_bytes, message_bytes = 0, len(line.rstrip(b"\r\n"))
    for step in steps:
        if isinstance(step, RelayDamaged):
            return _garbage(line, step)
        if isinstance(step, RelayFalseHead) and not step.chunked:
            return _cut(line, max(0, message_bytes - max(1, abs(step.length_offset_bytes))))
        if isinstance(step, RelayPart):
            left_bytes = message_bytes - sent_bytes
            sent_bytes += left_bytes if step.byte_count is None else min(left_bytes, step.byte_count)
        if isinstance(step, RelayBody) and step.fraction < 1.0:
            return _cut(line, floor(step.fraction * (len(line) - 1)))
        if isinstance(step, Abort):
            return _cut(line, sent_bytes)
    return Line(line, reply=read_reply(line))


def _cut(line: bytes, byte_count: int) -> Line:
    return Line(line[:byte_count], ends=True, is_ours=True)


def met_over_stdio(plan: Plan, message: ClientMessage, layers: tuple[Layer, ...]) -> Surfaced:
    """Return what the host meets; there is no HTTP here, so its layer surfaces where closed layers do."""
    if plan is PASS_THROUGH:
        return RelayReply()
    return surfaced(plan, message, tuple(layer for layer in layers if layer != "http"))


def _garbage(line: bytes, step: RelayDamaged) -> Line:
    """Return a line that is no message any more."""
    garbled = garbled_message(line.rstrip(b"\r\n"), step)
    if garbled is None:
        return Line(line, reply=read_reply(line))
    return Line(garbled + b"\n", reply=read_reply(garbled), is_ours=True)
