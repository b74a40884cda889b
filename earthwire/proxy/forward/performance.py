"""Performs a plan on a flow of mitmproxy: what the data plane does with bytes, as far as a flow allows it.

mitmproxy hands responses over whole. So the first byte leaves with the last one, when that is due; only a stream of
events begins at its first byte and passes on as it comes. A cut body is sent under its whole length and followed by
the end of the connection; on HTTP/2 by the end of the stream.
"""

from typing import TYPE_CHECKING

from earthwire.fault_models.plan import (
    Abort,
    Body,
    Forward,
    Head,
    RelayAnswer,
    RelayBody,
    RelayDamaged,
    RelayPieces,
    Step,
    Wait,
)
from earthwire.proxy.exchange import ResponseHead
from earthwire.proxy.forward.intercepted_call import InterceptedCall
from earthwire.proxy.forward.wire import close_after_response, end_connection, own_response, split_response
from earthwire.proxy.limits import Limits
from earthwire.proxy.relay_damaged import damaged_response
from earthwire.proxy.response_writer import with_date

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

_LIMITS = Limits()


class FlowPerformance:
    """The plan of one call being performed on its flow.

    Args:
        call: the call.
        flow: of mitmproxy.
    """

    def __init__(self, call: InterceptedCall, flow: "HTTPFlow") -> None:
        self.call = call
        self._flow = flow
        self._steps = list(call.drawn.plan.steps)
        self._own_head: Head | None = None
        self._own_body = b""

    @property
    def is_forwarded(self) -> bool:
        """Whether the upstream is to see the request."""
        return bool(self.call.drawn.plan.steps) and isinstance(self.call.drawn.plan.steps[0], Forward)

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
            case Body(data=data):
                self._own_body += data
            case RelayBody(last_byte_s=last_byte_s, fraction=fraction):
                await self.call.wait_until(last_byte_s)
                if fraction < 1.0:
                    self._cut(fraction)
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

    def _cut(self, fraction: float) -> None:
        response = self._flow.response
        assert response is not None
        whole = response.raw_content or b""
        response.raw_content = whole[: int(fraction * len(whole))]
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
        if self._own_head is not None or self.call.altered:
            # A head is on its way: what ends the connection comes after what was sent of the body.
            close_after_response(self._flow)
            return
        if step.how == "hang":
            await self.call.hang(_LIMITS.hang_s_max)
        end_connection(self._flow, reset=step.how == "rst")
