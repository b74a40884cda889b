"""A request as the handler sees it: a checked head, and a body that may still be arriving."""

import msgspec

from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.headers import Fields


class RequestLine(msgspec.Struct, frozen=True):
    """What is asked for.

    Attributes:
        method: upper case.
        target: origin form (``/path?query``) or ``*``.
    """

    method: str
    target: str


class RequestHeaders(msgspec.Struct, frozen=True):
    """What the rest of a head says: shared by all requests whose heads are equal byte for byte, and never changed.

    Attributes:
        fields: end-to-end header fields, in their order and case, without Host and Content-Length.
        forwarded: head as the upstream gets it, without its first line and Host.
        content_length: bytes of the body as declared; None if they were not.
        chunked: the body comes in chunks, of a length that nobody knows yet.
        keep_alive: the client wants the connection to stay open after the response.
        http_1_0: the client speaks HTTP/1.0: no chunks, no 1xx.
        expects_continue: the client waits for ``100 Continue`` before it sends the body.
        episode: value of the episode header, or else of our member of the baggage, or None.
        host: value of Host, or None.
        upgrades: the client wishes to speak WebSocket on this connection.
        own_origin: it named this proxy as its Origin, which is left out of `fields` and `forwarded`: the upstream is to
            see its own.
        plain: nothing of it asks for more than an answer on a connection that stays open.
    """

    fields: Fields
    forwarded: bytes
    content_length: int | None
    chunked: bool
    keep_alive: bool
    http_1_0: bool
    expects_continue: bool
    episode: str | None
    host: bytes | None = None
    upgrades: bool = False
    own_origin: bool = False
    plain: bool = False


class Request(msgspec.Struct, frozen=True):
    """One request of a client.

    Attributes:
        line: method and target.
        headers: the rest of its head.
        arrival_s: when the head was complete (monotonic, seconds).
        body: the body.
    """

    line: RequestLine
    headers: RequestHeaders
    arrival_s: float
    body: Body
