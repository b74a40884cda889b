"""Relays what an MCP server answers: at once what comes before the answer, on time the answer itself."""

import time
from typing import TYPE_CHECKING

import msgspec

from earthwire.fault_models.plan import RelayAnswer
from earthwire.proxy.exchanges.relay_damaged import damaged_response, read_part
from earthwire.proxy.mcp.call import McpCall
from earthwire.proxy.mcp.content import damaged_message, garbled_message
from earthwire.proxy.mcp.events import EventSplitter, data_of, with_data
from earthwire.proxy.mcp.reply import Reply, read_reply
from earthwire.proxy.performing.relay import Tail, relay_whole
from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.headers import serialise
from earthwire.traces.labels.body_class import is_event_stream

if TYPE_CHECKING:
    from earthwire.proxy.performing.perform import Performance


async def relay_answer(performance: "Performance", step: RelayAnswer) -> None:
    """Perform the step of that name.

    Raises:
        UpstreamError: if the server fails; the writer tells whether the client has seen a head by then.
    """
    call = performance.context.mcp
    exchange = performance.exchange
    assert call is not None, "only calls of MCP have answers of JSON-RPC"
    assert exchange is not None, "a plan relays without a Forward step before it"
    head = performance.head = await exchange.head()
    call.server.habits.learn(head)
    if is_event_stream(head.content_type):
        await _relay_events(performance, call, head, step)
        return
    if step.damage is not None:
        await _relay_damaged_message(performance, call, head, step)
        return
    writer = performance.writer
    await _wait(performance, step.first_byte_s)
    writer.relay_head(head)
    await relay_whole(exchange.body, _tail(performance, step.last_byte_s))
    _observe(performance)
    writer.end()
    if writer.body_bytes <= writer.kept_bytes_max:
        call.note_reply(read_reply(writer.kept_body()))


async def _relay_events(
    performance: "Performance", call: McpCall, head: ResponseHead, step: RelayAnswer
) -> None:
    writer, body = performance.writer, _body(performance)
    writer.relay_head(head if step.damage is None else _with_length(head, None))
    splitter = EventSplitter(performance.limits.damaged_body_bytes_max)
    tail = _tail(performance, 0.0)
    while True:
        if body.starved:
            await tail.flush()
        if not await body.more():
            break
        for event in splitter.feed(body.take()):
            writer.stage(await _on_time(performance, call, event, step))
    writer.stage(splitter.rest())
    writer.end()


async def _on_time(performance: "Performance", call: McpCall, event: bytes, step: RelayAnswer) -> bytes:
    """Return an event as it is to be sent, once its time has come: at once, unless it is the answer."""
    data = data_of(event)
    reply = _answer_in(data, call)
    if reply is None:
        return event
    _observe(performance)
    await _tail(performance, 0.0).flush()
    await _wait(performance, step.last_byte_s)
    damaged = _damaged(data, step)
    performance.damaged = damaged is not None
    call.note_reply(reply if damaged is None else read_reply(damaged))
    return event if damaged is None else with_data(event, damaged)


async def _relay_damaged_message(
    performance: "Performance", call: McpCall, head: ResponseHead, step: RelayAnswer
) -> None:
    assert step.damage is not None
    writer, bytes_max = performance.writer, performance.limits.damaged_body_bytes_max
    body = _body(performance)
    data = await read_part(body, bytes_max)
    if step.damages_message:
        await _send_garbled(performance, head, data, step)
        return
    damaged = _damaged(data, step) if len(data) <= bytes_max else None
    _observe(performance)
    await _wait(performance, step.first_byte_s)
    if damaged is None:
        writer.relay_head(head)
        tail = _tail(performance, step.last_byte_s)
        await tail.send(data)
        await relay_whole(body, tail)
    else:
        performance.damaged = True
        call.reply = read_reply(damaged)
        writer.relay_head(_with_length(head, len(damaged)))
        await _wait(performance, step.last_byte_s)
        writer.stage(damaged)
    writer.end()


def _body(performance: "Performance") -> Body:
    assert performance.exchange is not None, "there is an exchange while its answer is relayed"
    return performance.exchange.body


def _tail(performance: "Performance", last_byte_s: float) -> Tail:
    due_s = performance.context.request.arrival_s + last_byte_s
    return Tail(performance.writer, performance.clock, due_s)


async def _wait(performance: "Performance", until_s: float) -> None:
    """Wait until a time that counts from the arrival of the request."""
    await performance.clock.wait_until(performance.context.request.arrival_s + until_s)


async def _send_garbled(
    performance: "Performance", head: ResponseHead, data: bytes, step: RelayAnswer
) -> None:
    """Send a whole body damaged as that of any tool is: over plain JSON there is nothing special about MCP."""
    writer, bytes_max = performance.writer, performance.limits.damaged_body_bytes_max
    is_too_long = len(data) > bytes_max
    result = (
        None if is_too_long or step.damage is None else damaged_response(head, data, step.damage, bytes_max)
    )
    performance.damaged = is_too_long or result is not None
    writer.relay_head(head if result is None else result.head)
    await _wait(performance, step.last_byte_s)
    writer.stage(data if result is None else result.body)
    if not is_too_long and (result is None or not result.is_cut):
        writer.end()


def _damaged(data: bytes, step: RelayAnswer) -> bytes | None:
    if step.damage is None:
        return None
    return garbled_message(data, step.damage) if step.damages_message else damaged_message(data, step.damage)


def _answer_in(data: bytes, call: McpCall) -> Reply | None:
    """Return the answer to the call, if that is what an event holds."""
    reply = read_reply(data) if data else None
    is_answer = reply is not None and call.message is not None and reply.id == call.message.id
    return reply if is_answer else None


def _observe(performance: "Performance") -> None:
    """Tell a grounded simulation what the server took by itself."""
    context = performance.context
    observer = context.mcp.observer if context.mcp is not None else None
    if observer is not None:
        observer.observe(context.tool, time.monotonic() - context.request.arrival_s)


def _with_length(head: ResponseHead, length_bytes: int | None) -> ResponseHead:
    """Return a head that promises another length; None promises none."""
    fields = [(name, value) for name, value in head.fields if name.lower() != b"content-length"]
    if length_bytes is not None:
        fields.append((b"content-length", b"%d" % length_bytes))
    status_line = head.start.partition(b"\r\n")[0] + b"\r\n"
    return msgspec.structs.replace(
        head, start=serialise(status_line, fields), fields=fields, content_length=length_bytes
    )
