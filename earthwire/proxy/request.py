"""A request as the handler sees it: a checked head, and a body that may still be arriving."""

import msgspec

from earthwire.proxy.body import Body
from earthwire.proxy.headers import Fields


class Request(msgspec.Struct, frozen=True):
    """One request of a client.

    Attributes:
        method: upper case.
        target: origin form (``/path?query``) or ``*``.
        fields: end-to-end header fields, in their order and case, without Host and Content-Length.
        content_length: bytes of the body as declared; None if they were not.
        chunked: the body comes in chunks, of a length that nobody knows yet.
        keep_alive: the client wants the connection to stay open after the response.
        http_1_0: the client speaks HTTP/1.0: no chunks, no 1xx.
        expects_continue: the client waits for ``100 Continue`` before it sends the body.
        episode: value of the episode header, or None.
        arrival_s: when the head was complete (loop clock, seconds).
        body: the body.
    """

    method: str
    target: str
    fields: Fields
    content_length: int | None
    chunked: bool
    keep_alive: bool
    http_1_0: bool
    expects_continue: bool
    episode: str | None
    arrival_s: float
    body: Body
