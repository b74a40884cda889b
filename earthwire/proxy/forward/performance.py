"""Performs a plan on a flow of mitmproxy: what the data plane does with bytes, as far as a flow allows it.

mitmproxy hands responses over whole. So the first byte leaves with the last one, when that is due; only a stream
of events that nothing is done to begins at its first byte and passes on as it comes. What ends before its end is sent
under its whole length, and followed by the end of the connection, never by a reset; on HTTP/2 by the end of the
stream. What a flow has no room for (`Raw` bytes where a head should be) becomes a closed connection, and the record
says so.
"""

from typing import TYPE_CHECKING

from earthwire.fault_models.plan import (
    Abort,
    Body,
    Forward,
    Head,
    LoseReply,
    Raw,
    RelayAnswer,
    RelayBody,
    RelayDamaged,
    RelayFalseHead,
    RelayHead,
    RelayPart,
    RelayPieces,
    Step,
    Wait,
    steps_on,
)
from earthwire.proxy.exchanges.relay_damaged import damaged_response
from earthwire.proxy.forward.intercepted_call import InterceptedCall
from earthwire.proxy.forward.wire import (
    close_after_response,
    end_connection,
    leave_unterminated,
    own_response,
    split_response,
)
from earthwire.proxy.limits import Limits
from earthwire.proxy.performing.rare_steps import false_head
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.response_writer import with_date

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

_LIMITS = Limits()


class FlowPerformance:
    """The plan of one call being performed on its flow.

    Args:
        call: the call.
        flow: of mitmproxy.
        reused: the client's connection has served a call before.
    """

    def __init__(self, call: InterceptedCall, flow: "HTTPFlow", *, reused: bool) -> None:
        self.call = call
        self._flow = flow
        self._steps = steps_on(call.drawn.plan, reused=reused)
        self._own_head: Head | None = None
        self._own_body = b""
        self._head_is_relayed = False
        self._part_bytes: int | None = None

    @property
    def is_forwarded(self) -> bool:
        """Whether the upstream is to see the request."""
        return bool(self._steps) and isinstance(self._steps[0], Forward)

    @property
    def relays_whole(self) -> bool:
        """Whether the client gets what the upstream sends, byte for byte, and only later."""
        return all(
            isinstance(step, Forward | Wait | RelayHead | RelayPieces)
            or (isinstance(step, RelayBody) and step.fraction >= 1.0)
            or (isinstance(step, RelayAnswer) and step.damage is None)
            for step in self._steps
        )

    async def answer(self) -> None:
        """Perform a plan that the upstream never sees.

        Raises:
            ClientLeftError: if the client does not wait for its end.
        """
        for step in self._steps:
            await self._perform(step)
        self._finish_own()

    async def begin_stream(self) -> None:
        """Let the stream of events that the upstream has begun pass as it comes, from when its first byte is due.

        Raises:
            ClientLeftError: if the client does not wait for that.
        """
        await self.call.wait_until(self.call.drawn.plan.first_byte_s)
        assert self._flow.response is not None
        self._flow.response.stream = True

    async def finish(self) -> None:
        """Perform what follows `Forward`, on the upstream's whole response.

        Raises:
            ClientLeftError: if the client does not wait for the end.
        """
        for step in self._steps[1:]:
            await self._perform(step)
        self._finish_own()

    async def _perform(self, step: Step) -> None:
        match step:
            case Wait(until_s=until_s):
                await self.call.wait_until(until_s)
            case Head():
                self._own_head = step
            case Body(data=data) | Raw(data=data):
                self._send(step, data)
            case RelayHead():
                self._head_is_relayed = True
            case RelayFalseHead():
                self._tell_falsely(step)
            case RelayPart(byte_count=byte_count):
                whole_bytes, before_bytes = len(self._relayed_body()), self._part_bytes or 0
                self._part_bytes = whole_bytes if byte_count is None else before_bytes + byte_count
            case LoseReply():
                assert self._flow.response is not None
                self.call.notes["lost_reply_status"] = self._flow.response.status_code
            case RelayBody(last_byte_s=last_byte_s, fraction=fraction):
                await self.call.wait_until(last_byte_s)
                if fraction < 1.0:
                    self._cut(int(fraction * len(self._relayed_body())))
            case RelayPieces(due_s=due_s):
                await self.call.wait_until(due_s[-1])
            case RelayDamaged():
                await self.call.wait_until(step.last_byte_s)
                self._damage(step)
            case RelayAnswer(last_byte_s=last_byte_s, damage=damage):
                await self.call.wait_until(last_byte_s)
                if damage is not None:
                    self._damage(damage)
            case Abort():
                await self._abort(step)

    def _finish_own(self) -> None:
        """Send the response that the plan brings with it, if it brings one."""
        head = self._own_head
        if head is None:
            return
        self.call.altered = True
        fields = list(with_date(head.headers))
        if head.content_length is not None and head.status != 204:
            fields.append(("content-length", str(head.content_length)))
        self._flow.response = own_response(head.status, fields, self._own_body)
        if head.content_length != len(self._own_body):
            close_after_response(self._flow)

    def _relayed_body(self) -> bytes:
        assert self._flow.response is not None
        return self._flow.response.raw_content or b""

    def _send(self, step: Body | Raw, data: bytes) -> None:
        if isinstance(step, Raw) and self._own_head is None:
            self.call.notes["forward_proxy"] = "raw bytes left out"
            return
        self._own_body += data

    def _tell_falsely(self, step: RelayFalseHead) -> None:
        """Send the upstream's head with statements that are not true."""
        assert self._flow.response is not None
        head, body = split_response(self._flow.response)
        told = false_head(head, step, len(body))
        self._replace(told, body)
        self._head_is_relayed = self.call.altered = True
        if step.chunked and not self._flow.request.is_http2:
            self._flow.response.headers["transfer-encoding"] = "chunked"
        elif step.length_offset_bytes:
            close_after_response(self._flow)

    def _cut(self, byte_count: int) -> None:
        """Send so many bytes of the body, under its whole length."""
        response = self._flow.response
        assert response is not None
        whole = response.raw_content or b""
        if (
            response.headers.pop("transfer-encoding", None) is not None
            or "content-length" not in response.headers
        ):
            response.headers["content-length"] = str(max(len(whole), byte_count + 1))
        response.raw_content = whole[:byte_count]
        self.call.altered = True
        close_after_response(self._flow)

    def _damage(self, step: RelayDamaged) -> None:
        response = self._flow.response
        assert response is not None
        head, data = split_response(response)
        bytes_max = _LIMITS.damaged_body_bytes_max
        result = None if len(data) > bytes_max else damaged_response(head, data, step, bytes_max)
        if result is None:
            return
        self.call.altered = True
        self._replace(result.head, result.body)
        if result.is_cut:
            close_after_response(self._flow)

    def _replace(self, head: ResponseHead, body: bytes) -> None:
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.fields]
        self._flow.response = own_response(head.status, fields, body)

    async def _abort(self, step: Abort) -> None:
        self.call.aborted = True
        if self._own_head is not None:
            # A head is on its way: what ends the connection comes after what was sent of the body.
            close_after_response(self._flow)
            return
        if self._head_is_relayed:
            self._end_midway()
            return
        if step.how == "hang":
            await self.call.hang(_LIMITS.hang_s_max)
        end_connection(self._flow, reset=step.how == "rst")

    def _end_midway(self) -> None:
        """End a response whose head is on its way: after the parts that were sent, or where it was cut."""
        assert self._flow.response is not None
        part_bytes = self._part_bytes or 0
        if self.call.altered and "transfer-encoding" in self._flow.response.headers:
            self._flow.response.raw_content = self._relayed_body()[:part_bytes]
            leave_unterminated(self._flow)
        elif self._part_bytes is not None or not self.call.altered:
            self._cut(part_bytes)
