"""From the bytes of a request head to what it says.

An agent's requests are much alike: on most of them the request line, or all that follows it, or both, have been seen
before. Both parts are pure functions of their bytes, and their results are remembered. They may be read apart from
each other because nothing that a request line says changes how the lines below it are read, once its method is none
of CONNECT and PRI and its version is HTTP/1.0 or 1.1; the version therefore belongs to the second part here. Each part
goes through llhttp, completed to a head by a line of our own.
"""

import contextlib
import re
from functools import lru_cache

import httptools

from earthwire.proxy import headers
from earthwire.proxy.headers import Fields, keeps_alive, serialise, without_named
from earthwire.proxy.limits import Limits
from earthwire.proxy.refusal import RequestRefusedError
from earthwire.proxy.request import RequestHeaders, RequestLine
from earthwire.proxy.request_rules import (
    body_length,
    check_folding,
    check_host,
    check_target,
    check_version,
    connect_refusal,
    refusal_of_head,
)

_VERSION_BYTES = len(b" HTTP/1.1")
_VERSION = re.compile(rb" HTTP/1\.[01]\r\n")
_SPECIAL = headers.HOP_BY_HOP | {b"host", b"content-length", b"expect", headers.EPISODE_HEADER}
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
        self._known_line = lru_cache(_HEADS_REMEMBERED)(self._line)
        self._known_headers = lru_cache(_HEADS_REMEMBERED)(self._headers)

    def read(self, head: bytes) -> tuple[RequestLine, RequestHeaders]:
        """Read a head, from its request line to its final empty line.

        Raises:
            RequestRefusedError: if it breaks a rule or a bound.
        """
        version_at = max(0, head.find(b"\r\n") - _VERSION_BYTES)
        try:
            if not _VERSION.match(head, version_at):
                raise _version_refusal(head)
            if len(head) <= _REMEMBERED_BYTES_MAX:
                return self._known_line(head[:version_at]), self._known_headers(head[version_at:])
            return self._line(head[:version_at]), self._headers(head[version_at:])
        except httptools.HttpParserError as error:
            raise self._refusal(error, head) from error

    def _line(self, start: bytes) -> RequestLine:
        """Read what stands before the version: ``GET /x``."""
        parsed = _Parsed(start + b" HTTP/1.1\r\nHost: -\r\n\r\n")
        if parsed.method == b"CONNECT":
            raise connect_refusal()
        target = check_target(parsed.method, parsed.target, self._limits)
        return RequestLine(parsed.method.decode("ascii"), target.decode("ascii"))

    def _headers(self, rest: bytes) -> RequestHeaders:
        """Read what follows, from the version on: `` HTTP/1.1`` and all lines below it."""
        check_folding(rest)
        parsed = _Parsed(b"GET /" + rest)
        special: dict[bytes, tuple[bytes, ...]] = {}
        for name, value in parsed.special:
            special[name] = (*special.get(name, ()), value)
        version = parsed.version
        check_host(special.get(b"host", ()), version)
        encodings, connections = special.get(b"transfer-encoding", ()), special.get(b"connection", ())
        content_length = body_length(special.get(b"content-length", ()), encodings, version, self._limits)
        episodes = special.get(headers.EPISODE_HEADER)
        fields = without_named(parsed.fields, connections)
        return RequestHeaders(
            fields=fields,
            forwarded=_forwarded(fields, content_length, chunked=bool(encodings)),
            content_length=content_length,
            chunked=bool(encodings),
            keep_alive=keeps_alive(version, connections),
            http_1_0=version == "1.0",
            expects_continue=_expects_continue(special.get(b"expect", ()), version),
            episode=episodes[-1].decode("latin-1") if episodes else None,
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
        self.special: Fields = []
        parser = httptools.HttpRequestParser(self)
        # The wish for another protocol is not granted; the head is complete by the time it is noticed.
        with contextlib.suppress(httptools.HttpParserUpgrade):
            parser.feed_data(head)
        self.method: bytes = parser.get_method()
        self.version: str = parser.get_http_version()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        folded = name.lower()
        if folded in _SPECIAL:
            self.special.append((folded, value))
        else:
            self.fields.append((name, value))


def _version_refusal(head: bytes) -> RequestRefusedError:
    """Return the reason against a head whose request line does not end in a version that is served."""
    check_version(_Parsed(head).version)
    return RequestRefusedError(400, "bad_request", "the request line does not end in the HTTP version")


def _forwarded(fields: Fields, content_length: int | None, *, chunked: bool) -> bytes:
    if chunked:
        return serialise(b"", fields) + b"Transfer-Encoding: chunked\r\n\r\n"
    if content_length is not None:
        return serialise(b"", fields) + b"Content-Length: %d\r\n\r\n" % content_length
    return serialise(b"", fields) + b"\r\n"


def _expects_continue(values: tuple[bytes, ...], version: str) -> bool:
    if not values or version == "1.0":
        return False
    if any(value.lower() != b"100-continue" for value in values):
        raise RequestRefusedError(417, "expectation_not_served", "only 'Expect: 100-continue' is served")
    return True
