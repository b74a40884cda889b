"""The seam between a call and whatever answers it: a live upstream or a recording."""

from typing import Final, Protocol

import msgspec

from earthwire.fault_models.plan import Plan
from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.headers import Fields
from earthwire.proxy.wire.request import Request
from earthwire.traces.record import Origin

SWITCHING_PROTOCOLS: Final = 101


class ResponseHead(msgspec.Struct, frozen=True):
    """Status line and headers of a response: shared by all responses whose heads are equal, and never changed.

    Attributes:
        status: HTTP status code.
        start: status line and `fields` as they are sent on, without the final empty line.
        fields: end-to-end header fields in their order and case; with Content-Length if it was declared.
        content_length: declared length of the body in bytes, or None.
        chunked: the body comes in chunks.
        keep_alive: the connection stays open after the response, if the length of its body is known.
        bodiless: the status alone rules out a body.
        sized: it is a final response to any method but HEAD with a body of `content_length`, not 0.
        content_type: value of Content-Type, or None.
        content_encoding: value of Content-Encoding, or None.
        retry_after: value of Retry-After, or None.
        streams: Content-Type promises something that comes bit by bit.
    """

    status: int
    start: bytes
    fields: Fields
    content_length: int | None
    chunked: bool
    keep_alive: bool
    bodiless: bool
    sized: bool
    content_type: str | None
    content_encoding: bytes | None
    retry_after: bytes | None
    streams: bool = False


class Exchange(Protocol):
    """One request on its way to an answer."""

    @property
    def origin(self) -> Origin:
        """Who answers."""

    @property
    def recorded_plan(self) -> Plan | None:
        """Plan that the recording itself prescribes from here on, or None to go on with the plan that was drawn."""

    @property
    def body(self) -> Body:
        """Body of the response, once `head` has returned."""

    async def head(self) -> ResponseHead:
        """Return the head of the final response, as soon as it is there.

        Raises:
            UpstreamError: if there is none.
        """

    def pass_up(self, body: Body) -> None:
        """Send on what the client says from now on, since the upstream has switched to another protocol."""

    def finish(self) -> None:
        """Let go. What is missing of the response is read and dropped, so that the upstream ends its work."""

    def cancel(self) -> None:
        """Give up: the upstream is told by a closed connection."""


class Source(Protocol):
    """Where calls are forwarded to."""

    @property
    def server_address(self) -> str | None:
        """Host name of the real tool, for the trace record."""

    async def check(self) -> None:
        """Find out whether calls can be answered.

        Raises:
            UpstreamError: if not.
        """

    async def forward(self, request: Request, target: str, episode: str) -> Exchange:
        """Send a request on and return at once, without waiting for its response.

        Args:
            request: of the client.
            target: path and query at the upstream.
            episode: the agent run that the request belongs to.

        Raises:
            UpstreamError: if the upstream cannot be reached.
            RequestRefusedError: if there is nothing to answer with.
        """

    def retire(self) -> None:
        """Release idle connections now, and the others when their exchanges are over."""

    def close(self) -> None:
        """Release all connections."""
