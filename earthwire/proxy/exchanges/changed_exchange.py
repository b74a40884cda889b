"""Exchanges whose answer a channel made, or changes on its way."""

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

import msgspec

from earthwire.fault_models.plan import Plan
from earthwire.fault_models.reward.decoy_rounds import DecoyRounds
from earthwire.proxy.exchanges.relay_damaged import read_part
from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.body import Body, complete_body
from earthwire.proxy.wire.content_coding import decoded, encoded
from earthwire.proxy.wire.exchange import Exchange, ResponseHead
from earthwire.proxy.wire.headers import Fields, serialise
from earthwire.traces.labels.body_class import is_event_stream, is_stream_type
from earthwire.traces.record import Origin

BodyChange = Callable[[bytes], Awaitable[tuple[bytes, dict[str, int]]]]
"""Takes a JSON document, returns what stands in its place and what was done to it."""

_DESCRIBING_BYTES = (b"content-length", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"etag")


class NotedExchange:
    """An exchange that says what channels did.

    Attributes:
        notes: what was done to request and answer, by name: how often.
        rounds: in which a model was asked again, or None.
    """

    __slots__ = ("notes", "rounds")

    def __init__(self, notes: dict[str, int]) -> None:
        self.notes = dict(notes)
        self.rounds: DecoyRounds | None = None


class AnsweredExchange(NotedExchange):
    """An exchange that a channel answered: no upstream was asked.

    Args:
        head: of the answer.
        body: of the answer.
        notes: what was done, by name.
    """

    origin: Origin = "injected"
    recorded_plan: Plan | None = None

    __slots__ = ("_head", "body")

    def __init__(self, head: ResponseHead, body: bytes, notes: dict[str, int]) -> None:
        super().__init__(notes)
        self._head = head
        self.body: Body = complete_body(body)

    async def head(self) -> ResponseHead:
        """Return the head of the answer."""
        return self._head

    def pass_up(self, body: Body) -> None:
        """Drop what the client says: nobody is there to hear it."""
        body.discard()

    def finish(self) -> None:
        """Do nothing: no upstream was asked."""

    def cancel(self) -> None:
        """Do nothing: no upstream was asked."""


class HeldExchange(NotedExchange):
    """An exchange before another one, whose answer it may hold until it is whole, to send another in its place.

    Args:
        inner: with the source behind.
        notes: what was done to the request.
        limits: bound on an answer that is held.
    """

    __slots__ = ("_body", "_bytes_max", "_inner")

    def __init__(self, inner: Exchange, notes: dict[str, int], limits: Limits) -> None:
        super().__init__(notes)
        self._inner = inner
        self._bytes_max = limits.damaged_body_bytes_max
        self._body: Body | None = None

    @property
    def origin(self) -> Origin:
        """Who answers."""
        return self._inner.origin

    @property
    def recorded_plan(self) -> Plan | None:
        """Plan that a recording prescribes."""
        return self._inner.recorded_plan

    @property
    def body(self) -> Body:
        """Body of the answer, once `head` has returned."""
        return self._inner.body if self._body is None else self._body

    def pass_up(self, body: Body) -> None:
        """Let what the client says from now on pass."""
        self._inner.pass_up(body)

    def finish(self) -> None:
        """Let go of the exchange behind."""
        self._inner.finish()

    def cancel(self) -> None:
        """Cancel the exchange behind."""
        self._inner.cancel()

    async def _hold(self, head: ResponseHead) -> bytes | None:
        """Return the whole body of an answer to look into; None for one that passes as it comes."""
        if not _may_change(head, self._bytes_max):
            return None
        data = await read_part(self._inner.body, self._bytes_max)
        if len(data) > self._bytes_max:
            self._inner.body.give_back(data)
            return None
        return data

    def _send(self, head: ResponseHead, data: bytes) -> ResponseHead:
        """Send this body, encoded as the head says; return the head that fits it."""
        self._body = complete_body(data)
        return _sized(head, len(data))


class ChangedExchange(HeldExchange):
    """An exchange whose good JSON answers are changed on their way.

    Answers that are no JSON, that failed, or that are too long to be held pass as they come.

    Args:
        inner: with the source behind.
        change: of a JSON document, or None to let answers pass.
        notes: what was done to the request.
        limits: bound on an answer that is held.
    """

    __slots__ = ("_change",)

    def __init__(
        self, inner: Exchange, change: BodyChange | None, notes: dict[str, int], limits: Limits
    ) -> None:
        super().__init__(inner, notes, limits)
        self._change = change

    async def head(self) -> ResponseHead:
        """Return the head of the answer, with a length that fits what the channel made of it."""
        head = await self._inner.head()
        data = None if self._change is None else await self._hold(head)
        if data is None:
            return head
        plain = decoded(data, head.content_encoding, self._bytes_max)
        changed = plain
        if plain:
            changed = await self._changed(plain, is_event_stream(head.content_type))
        if changed is None or changed == plain:
            return self._send(head, data)
        return self._send(head, encoded(changed, head.content_encoding))

    async def _changed(self, plain: bytes, is_events: bool) -> bytes:
        lines = plain.splitlines(keepends=True) if is_events else [plain]
        pieces = []
        for line in lines:
            prefix = b"data:" if is_events else b""
            if not line.startswith(prefix):
                pieces.append(line)
                continue
            prefix += b" " * line[len(prefix) :].startswith(b" ") if is_events else b""
            content = line[len(prefix) :]
            ending = content[len(content.rstrip(b"\r\n")) :] if is_events else b""
            after, notes = await self._document(content[: len(content) - len(ending)])
            pieces.append(prefix + after + ending)
            for name, count in notes.items():
                self.notes[name] = self.notes.get(name, 0) + count
        return b"".join(pieces)

    async def _document(self, content: bytes) -> tuple[bytes, dict[str, int]]:
        assert self._change is not None, "asked only where there is something to change"
        return await self._change(content)


def own_head(
    status: int, content_type: str, headers: tuple[tuple[str, str], ...], body: bytes
) -> ResponseHead:
    """Return the head of an answer of our own."""
    # A server with a clock must send a Date (RFC 9110, section 6.6.1).
    fields: Fields = [
        (b"date", formatdate(usegmt=True).encode("ascii")),
        (b"content-type", content_type.encode("latin-1")),
    ]
    fields += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    fields.append((b"content-length", b"%d" % len(body)))
    retry_after = next((value for name, value in headers if name == "retry-after"), None)
    reason = HTTPStatus(status).phrase.encode("ascii")
    return ResponseHead(
        status=status,
        start=serialise(b"HTTP/1.1 %d %b\r\n" % (status, reason), fields),
        fields=fields,
        content_length=len(body),
        chunked=False,
        keep_alive=True,
        bodiless=False,
        sized=bool(body),
        content_type=content_type,
        content_encoding=None,
        retry_after=None if retry_after is None else retry_after.encode("ascii"),
        streams=is_stream_type(content_type),
    )


def _may_change(head: ResponseHead, bytes_max: int) -> bool:
    """Tell whether an answer is one that channels look into: good, JSON or events, and not too long."""
    if not 200 <= head.status < 300 or head.bodiless or (head.content_length or 0) > bytes_max:
        return False
    content_type = (head.content_type or "").lower()
    return "json" in content_type or is_event_stream(content_type)


def _sized(head: ResponseHead, body_bytes: int) -> ResponseHead:
    """Return a head with the length of the body, and without what described the bytes before."""
    fields = [field for field in head.fields if field[0].lower() not in _DESCRIBING_BYTES]
    fields.append((b"content-length", b"%d" % body_bytes))
    status_line = head.start.partition(b"\r\n")[0] + b"\r\n"
    return msgspec.structs.replace(
        head,
        start=serialise(status_line, fields),
        fields=fields,
        content_length=body_bytes,
        chunked=False,
        sized=body_bytes > 0,
    )
