"""Performs the steps that only faults are made of."""

from typing import TYPE_CHECKING, assert_never

import msgspec

from earthwire.fault_models.plan import AbortReused, LoseReply, Raw, RelayFalseHead, RelayPart
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.headers import serialise

if TYPE_CHECKING:
    from earthwire.proxy.performing.perform import Performance

RareStep = RelayFalseHead | RelayPart | LoseReply | Raw | AbortReused


async def perform_rare(performance: "Performance", step: RareStep) -> None:
    """Perform one step; `performance.aborted` tells whether it was the last.

    Raises:
        UpstreamError: if the upstream fails.
    """
    match step:
        case RelayFalseHead():
            await _relay_false_head(performance, step)
        case RelayPart():
            await _relay_part(performance, step.byte_count)
        case LoseReply():
            await _lose_reply(performance)
        case Raw():
            performance.writer.raw(step.data)
            await performance.flush()
        case AbortReused():
            if performance.client.reused:
                await performance.abort(step.how)
        case _:
            assert_never(step)


async def _relay_false_head(performance: "Performance", step: RelayFalseHead) -> None:
    exchange = performance.upstream_exchange()
    head = await exchange.head()
    length = head.content_length
    if length is None and not step.chunked and await exchange.body.buffered_whole():
        length = exchange.body.received_bytes
    performance.head = head
    performance.damaged = True
    performance.relay_head(false_head(head, step, length))


def false_head(head: ResponseHead, step: RelayFalseHead, body_bytes: int | None) -> ResponseHead:
    """Return the head that is sent in place of the upstream's.

    Args:
        head: of the upstream.
        step: what is not to be true.
        body_bytes: length of the body; None if it cannot be known, and then its chunks say it truly.
    """
    stated_bytes = (
        None if body_bytes is None or step.chunked else max(0, body_bytes + step.length_offset_bytes)
    )
    dropped = {name.lower() for name, _ in step.headers} | {name.lower() for name in step.without}
    fields = [
        (name, value)
        for name, value in head.fields
        if name.lower() != b"content-length" and name.decode("latin-1").lower() not in dropped
    ]
    fields += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in step.headers]
    if stated_bytes is not None and not head.bodiless:
        fields.append((b"content-length", b"%d" % stated_bytes))
    status_line = head.start.partition(b"\r\n")[0] + b"\r\n"
    types = [value for name, value in step.headers if name.lower() == "content-type"]
    return msgspec.structs.replace(
        head,
        start=serialise(status_line, fields),
        fields=fields,
        content_length=stated_bytes,
        content_type=types[-1] if types else head.content_type,
    )


async def _relay_part(performance: "Performance", byte_count: int | None) -> None:
    body = performance.upstream_exchange().body
    left_bytes = byte_count
    while left_bytes != 0 and await body.more():
        data = body.take() if left_bytes is None else body.take_most(left_bytes)
        if left_bytes is not None:
            left_bytes -= len(data)
        performance.writer.stage(data)
        await performance.flush()


async def _lose_reply(performance: "Performance") -> None:
    exchange = performance.upstream_exchange()
    performance.lost_status = (await exchange.head()).status
    while await exchange.body.more():
        exchange.body.take()
