"""From the bytes of a request head to what it says.

An agent's requests are much alike: on most of them the request line, or all that follows it, or both, have been seen
before. What both parts say is remembered by their bytes. They may be remembered apart from each other because nothing
that a request line says changes how the lines below it are read, once its method is not CONNECT and its version is
HTTP/1.0 or 1.1; the version therefore belongs to the second part here. A head with a part that was not seen before
goes through llhttp as a whole.
"""

import contextlib
import re
from typing import TypeVar

import httptools

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.baggage import episode_in_baggage
from earthwire.proxy.wire.headers import (
    EPISODE_HEADER,
    HOP_BY_HOP,
    Fields,
    keeps_alive,
    serialise,
    tokens,
    without_named,
)
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import RequestHeaders, RequestLine
from earthwire.proxy.wire.request_rules import (
    body_length,
    check_folding,
    check_host,
    check_request_line,
    check_target,
    check_version,
    connect_refusal,
    refusal_of_head,
)

_VERSION_BYTES = len(b" HTTP/1.1")
_VERSION = re.compile(rb" HTTP/1\.[01]\r\n")
_SPECIAL = HOP_BY_HOP | {b"host", b"content-length", b"expect", EPISODE_HEADER}
_UPGRADE_WISH = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
_LOCAL_AUTHORITY = re.compile(rb"(localhost|[0-9]+(\.[0-9]+){3}|\[[0-9a-f:.]+\])(:[0-9]+)?")
_Part = TypeVar("_Part")
_HEADS_REMEMBERED = 1024
_REMEMBERED_BYTES_MAX = 4096
"""Longer heads are read anew each time, so that what is remembered stays below a few megabytes."""


class RequestHeadReader:
    """Reads whole request heads; one for all connections.

    Args:
        limits: bounds on the target and the declared body.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines: dict[bytes, RequestLine] = {}
        self._headers: dict[bytes, RequestHeaders] = {}

    def read(self, head: bytes) -> tuple[RequestLine, RequestHeaders]:
        """Read a head, from its request line to its final empty line.

        Raises:
            RequestRefusedError: if it breaks a rule or a bound.
        """
        version_at = head.find(b"\r\n") - _VERSION_BYTES
        # A line that is too short for a version gives a part that was never remembered.
        start, rest = head[:version_at], head[version_at:]
        line, headers = self._lines.get(start), self._headers.get(rest)
        if line is None or headers is None:
            check_folding(head)
            try:
                parsed = _Parsed(head)
            except httptools.HttpParserError as error:
                raise self._refusal(error, head) from error
            line, headers = self._line(parsed), self._read_headers(parsed)
            check_request_line(head, parsed.method, parsed.target, parsed.version)
            if len(head) <= _REMEMBERED_BYTES_MAX and _VERSION.match(rest):
                _remember(self._lines, start, line)
                _remember(self._headers, rest, headers)
        return line, headers

    def _line(self, parsed: "_Parsed") -> RequestLine:
        if parsed.method == b"CONNECT":
            raise connect_refusal()
        check_version(parsed.version)
        target = check_target(parsed.method, parsed.target, self._limits)
        return RequestLine(parsed.method.decode("ascii"), target.decode("ascii"))

    def _read_headers(self, parsed: "_Parsed") -> RequestHeaders:
        special, version, fields = parsed.special, parsed.version, parsed.fields
        check_host(special.get(b"host", ()), version)
        encodings, connections = special.get(b"transfer-encoding", ()), special.get(b"connection", ())
        chunked = bool(encodings)
        content_length = body_length(special.get(b"content-length", ()), encodings, version, self._limits)
        episodes = special.get(EPISODE_HEADER)
        if connections:
            fields = without_named(fields, connections)
        own_origin = _is_own_origin(parsed.origins, special.get(b"host", ()))
        if own_origin:
            fields = [field for field in fields if field[0].lower() != b"origin"]
        upgrades = b"upgrade" in special and _wishes_websocket(special[b"upgrade"], connections, version)
        upgrades = upgrades and not chunked and not content_length
        keep_alive = keeps_alive(version, connections) if connections else version == "1.1"
        expects_continue = b"expect" in special and _expects_continue(special[b"expect"], version)
        # By position, in the order of the fields: every head that is new comes through here.
        return RequestHeaders(
            fields,
            _forwarded(fields, content_length, chunked=chunked, upgrades=upgrades),
            content_length,
            chunked,
            keep_alive,
            version == "1.0",
            expects_continue,
            episodes[-1].decode("latin-1") if episodes else episode_in_baggage(parsed.baggage),
            special[b"host"][0] if b"host" in special else None,
            upgrades,
            own_origin,
            keep_alive and version == "1.1" and not expects_continue and not upgrades,
        )

    def _refusal(self, error: httptools.HttpParserError, head: bytes) -> RequestRefusedError:
        if isinstance(error, httptools.HttpParserInvalidMethodError):
            return RequestRefusedError(501, "method_not_served", "the request method is not one of HTTP's")
        return refusal_of_head(head, str(error), self._limits)


class _Parsed:
    """What llhttp makes of one head."""

    def __init__(self, head: bytes) -> None:
        self.target = b""
        self.fields: Fields = []
        self.special: dict[bytes, tuple[bytes, ...]] = {}
        self.baggage: list[bytes] = []
        self.origins: list[bytes] = []
        parser = httptools.HttpRequestParser(self)
        # A wish for another protocol ends parsing; the head is complete by then.
        with contextlib.suppress(httptools.HttpParserUpgrade):
            parser.feed_data(head)
        self.method: bytes = parser.get_method()
        self.version: str = parser.get_http_version()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        folded = name.lower()
        if folded in _SPECIAL:
            self.special[folded] = (*self.special.get(folded, ()), value)
        else:
            if folded == b"baggage":
                self.baggage.append(value)
            elif folded == b"origin":
                self.origins.append(value)
            self.fields.append((name, value))


def _remember(known: dict[bytes, _Part], key: bytes, part: _Part) -> None:
    """Remember a part of a head; where there are too many, start anew: what comes often is soon back."""
    if len(known) >= _HEADS_REMEMBERED:
        known.clear()
    known[key] = part


def _forwarded(fields: Fields, content_length: int | None, *, chunked: bool, upgrades: bool) -> bytes:
    if upgrades:
        return serialise(b"", fields) + _UPGRADE_WISH
    if chunked:
        return serialise(b"", fields) + b"Transfer-Encoding: chunked\r\n\r\n"
    if content_length is not None:
        return serialise(b"", fields) + b"Content-Length: %d\r\n\r\n" % content_length
    return serialise(b"", fields) + b"\r\n"


def _wishes_websocket(protocols: tuple[bytes, ...], connections: tuple[bytes, ...], version: str) -> bool:
    """Tell whether a client wishes to speak WebSocket; no other protocol is granted, least of all HTTP/2 in plain."""
    asked = [token for value in protocols for token in tokens(value)]
    return (
        version == "1.1" and asked == [b"websocket"] and any(b"upgrade" in tokens(one) for one in connections)
    )


def _is_own_origin(origins: list[bytes], hosts: tuple[bytes, ...]) -> bool:
    """Tell whether a request comes from this proxy's own address, as its client sees it.

    Only addresses and localhost are believed: a name in Host could be that of a foreign page whose name was made to
    lead here, and then the upstream is to see the true Origin.
    """
    if len(origins) != 1 or len(hosts) != 1:
        return False
    scheme, separator, authority = origins[0].lower().partition(b"://")
    if not separator or scheme not in (b"http", b"https") or authority != hosts[0].lower():
        return False
    return _LOCAL_AUTHORITY.fullmatch(authority) is not None


def _expects_continue(values: tuple[bytes, ...], version: str) -> bool:
    if version == "1.0":
        return False
    if any(value.lower() != b"100-continue" for value in values):
        raise RequestRefusedError(417, "expectation_not_served", "only 'Expect: 100-continue' is served")
    return True
