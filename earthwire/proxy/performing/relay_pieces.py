"""Relaying a body in pieces, each of which is due at a time: events of a stream, equal parts, or fragments."""

from collections.abc import Iterator
from itertools import pairwise

from earthwire.fault_models.damage.payload import Numbers
from earthwire.fault_models.laws.stream import piece_due_s
from earthwire.fault_models.plan import RelayPieces
from earthwire.proxy.exchanges.relay_damaged import read_part
from earthwire.proxy.performing.relay import Tail, relay_whole
from earthwire.proxy.timing.clock import Clock
from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.response_writer import ResponseWriter
from earthwire.traces.labels.body_class import is_event_stream, is_stream_type
from earthwire.traces.labels.stream_damage import events_of

FRAGMENT_BYTES_MAX = 16
FRAGMENTED_BYTES_MAX = 4_096
"""What is sent in fragments of a body; the rest follows in one piece."""
EVENT_BYTES_MAX = 1 << 20
"""A longer event is not waited for: it leaves in pieces."""

_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


async def relay_pieces(
    body: Body,
    head: ResponseHead | None,
    writer: ResponseWriter,
    clock: Clock,
    arrival_s: float,
    step: RelayPieces,
    held_bytes_max: int,
) -> None:
    """Relay a body as a step says.

    Args:
        body: of the upstream.
        head: of its response.
        writer: of the response to the client; its head is staged.
        clock: says when a piece is due.
        arrival_s: of the request, on that clock.
        step: what to do.
        held_bytes_max: a longer body is not cut in parts or fragments: it is relayed as it comes.

    Raises:
        UpstreamError: if the upstream ends the body before its end.
    """
    due_s = tuple(arrival_s + time_s for time_s in step.due_s)
    pieces = _Pieces(writer, clock, due_s)
    if step.cut == "events" and _is_stream(head):
        assert head is not None
        has_events = is_event_stream(head.content_type) and head.content_encoding is None
        await _relay_events(body, pieces, has_events)
    elif step.cut == "events":
        await relay_whole(body, Tail(writer, clock, due_s[-1]))
    else:
        writer.time_chunks()
        whole = await read_part(body, held_bytes_max)
        for piece in _cut(whole, step) if body.complete else (whole,):
            pieces.waiting.append(piece)
        await pieces.send(is_all=body.complete)
        if not body.complete:
            await relay_whole(body, Tail(writer, clock, due_s[-1]))
    await pieces.end()


async def send_events(
    data: bytes, whole: bytes, writer: ResponseWriter, clock: Clock, due_s: tuple[float, ...]
) -> None:
    """Send what damage has left of a stream of events: each event when the stream would have come so far.

    Args:
        data: to send.
        whole: the stream without its damage.
        writer: of the response to the client; its head is staged.
        clock: says when an event is due.
        due_s: when the events of the whole stream are due (clock time).
    """
    count = len(events_of(whole))
    for i, event in enumerate(events_of(data)):
        at_s = piece_due_s(min(i, count - 1), count, due_s)
        if at_s > clock.now():
            writer.flush()
            await clock.wait_until(at_s)
        writer.stage(event)
        writer.flush()
        if writer.full:
            await writer.drain()


class _Pieces:
    """Sends pieces when they are due.

    Attributes:
        waiting: pieces that have come and not been sent.
    """

    def __init__(self, writer: ResponseWriter, clock: Clock, due_s: tuple[float, ...]) -> None:
        self._writer = writer
        self._clock = clock
        self._due_s = due_s
        self.waiting: list[bytes] = []

    async def send(self, is_all: bool) -> None:
        """Send what waits; once it is known to be all that is left, it is spread over the times that are left."""
        due_s, count = self._due_s, len(self.waiting)
        for i, piece in enumerate(self.waiting):
            at_s = piece_due_s(i, count, due_s) if is_all else due_s[min(i, max(len(due_s) - 2, 0))]
            await self._until(at_s)
            self._writer.stage(piece)
            self._writer.flush()
            if self._writer.full:
                await self._writer.drain()
        self._due_s = due_s[min(count, len(due_s) - 1) :]
        self.waiting.clear()

    async def end(self) -> None:
        """End the response when its last piece is due."""
        await self._until(self._due_s[-1])
        self._writer.end()

    async def _until(self, at_s: float) -> None:
        if at_s > self._clock.now():
            self._writer.flush()
            await self._clock.wait_until(at_s)


async def _relay_events(body: Body, pieces: _Pieces, has_events: bool) -> None:
    """Send each event, or each line of another stream, once it is whole and due."""
    held = b""
    while await body.more():
        came = held + body.take()
        parts = events_of(came) if has_events else came.splitlines(keepends=True)
        is_last = body.complete
        is_whole = not has_events or is_last or came.endswith(_EVENT_ENDS) or len(parts[-1]) > EVENT_BYTES_MAX
        held = b"" if is_whole else parts.pop()
        pieces.waiting += parts
        await pieces.send(is_all=is_last)
    if held:
        pieces.waiting.append(held)
        await pieces.send(is_all=True)


def _is_stream(head: ResponseHead | None) -> bool:
    return head is not None and (head.content_length is None or is_stream_type(head.content_type))


def _cut(whole: bytes, step: RelayPieces) -> Iterator[bytes]:
    if step.cut == "parts":
        count = min(len(step.due_s), len(whole))
        bounds = [len(whole) * i // count for i in range(count + 1)] if count else []
        yield from (whole[start:end] for start, end in pairwise(bounds))
        return
    numbers, start = Numbers(step.u), 0
    while start < min(len(whole), FRAGMENTED_BYTES_MAX):
        end = start + 1 + numbers.below(FRAGMENT_BYTES_MAX)
        yield whole[start:end]
        start = end
    if start < len(whole):
        yield whole[start:]
