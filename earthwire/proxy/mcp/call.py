"""One MCP call over HTTP: what the client sent, what is drawn and performed for it, and what it got."""

import msgspec

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.fault_models.plan import PASS_THROUGH, Forward, Plan, RelayAnswer, Step
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.receive import McpRequest
from earthwire.proxy.mcp.reply import Reply
from earthwire.proxy.mcp.server import McpServer
from earthwire.proxy.mcp.steps import http_steps
from earthwire.proxy.mcp.surface import OwnReply, surfaced

_UNTOUCHED = (Forward(), RelayAnswer())


class McpCall(msgspec.Struct, eq=False):
    """One POST to an MCP server, or one GET or DELETE of its session.

    Attributes:
        server: that is called.
        received: the request.
        observer: learns what the server takes by itself, or None.
        reply: what the client got, as far as it was seen on its way.
    """

    server: McpServer
    received: McpRequest
    observer: GroundedSimulation | None = None
    reply: Reply | None = None

    @property
    def message(self) -> ClientMessage | None:
        """What the client sent; None where it is not one message of JSON-RPC."""
        return self.received.message

    @property
    def tool(self) -> str:
        """Key that the call is grouped by; for what is no message, the HTTP method."""
        message = self.message
        if message is None:
            return f"{self.server.name}/{self.received.request.line.method.lower()}"
        return self.server.tool_key(message)

    @property
    def is_drawn(self) -> bool:
        """Whether anything but forwarding may become of it: not of what holds a session together."""
        message = self.message
        return message is not None and self.server.is_drawn(message)

    def note_reply(self, reply: Reply | None) -> None:
        """Take note of the answer that the client got from the server."""
        self.reply = reply
        if reply is not None and reply.result is not None:
            self.server.habits.learn_result(reply.result)

    def draw(self, planner: Planner, call: Call) -> Drawn:
        """Return what is planned: for most messages, nothing but forwarding, which uses up no call index."""
        return planner.draw(call) if self.is_drawn else Drawn(0, PASS_THROUGH)

    def steps(self, plan: Plan) -> tuple[Step, ...]:
        """Return what is performed for a plan."""
        message = self.message
        if self.received.is_batch:
            self.server.pass_batch()
        if message is None or message.kind != "request":
            return PASS_THROUGH.steps
        if plan is PASS_THROUGH:
            return _UNTOUCHED
        met = surfaced(plan, message, self.server.config.layers)
        if isinstance(met, OwnReply):
            self.reply = met.reply
        return http_steps(plan, met, message, self.server.habits, self.received.session_id)
