"""From the bytes of a response head to what it says.

Reading a head is a pure function of its bytes, and its results are remembered: many responses of one tool within one
second are alike in their heads.
"""

import contextlib
from functools import lru_cache

import httptools

from earthwire.proxy.wire.exchange import SWITCHING_PROTOCOLS, ResponseHead
from earthwire.proxy.wire.headers import HOP_BY_HOP, Fields, keeps_alive, serialise, without_named
from earthwire.proxy.wire.refusal import UpstreamError
from earthwire.traces.labels.body_class import is_stream_type

_NOTED = HOP_BY_HOP | {b"content-length", b"content-type", b"content-encoding", b"retry-after"}
_HEADS_REMEMBERED = 1024
_BODY_BYTES_MAX = 2**63 - 1
"""What a trace record can hold, and more than anybody has."""
_REMEMBERED_BYTES_MAX = 4096
"""Longer heads are read anew each time, so that what is remembered stays below a few megabytes."""


def read_response_head(head: bytes) -> ResponseHead:
    """Read a head, from its status line to its final empty line; it may be that of an interim response.

    Raises:
        UpstreamError: if it is malformed, or if it is not clear where its body ends.
    """
    return _known_head(head) if len(head) <= _REMEMBERED_BYTES_MAX else _read(head)


def _read(head: bytes) -> ResponseHead:
    parsed = _Parsed(head)
    if parsed.version not in ("1.0", "1.1"):
        raise UpstreamError("bad_response", f"the upstream answers in HTTP/{parsed.version}, not in HTTP/1.1")
    noted: dict[bytes, tuple[bytes, ...]] = {}
    for name, value in parsed.noted:
        noted[name] = (*noted.get(name, ()), value)
    lengths, encodings = noted.get(b"content-length", ()), noted.get(b"transfer-encoding", ())
    _check_framing(lengths, encodings)
    connections = noted.get(b"connection", ())
    fields = without_named(parsed.fields, connections)
    content_type = (_last(noted, b"content-type") or b"").decode("latin-1") or None
    content_length = int(lengths[0]) if lengths else None
    bodiless = parsed.status in (204, 304)
    start = serialise(b"HTTP/1.1 %d %b\r\n" % (parsed.status, parsed.reason), fields)
    if parsed.status == SWITCHING_PROTOCOLS:
        # The only head whose hop-by-hop fields are for the client as well.
        start += b"Connection: Upgrade\r\n" + serialise(
            b"", [(b"Upgrade", one) for one in noted.get(b"upgrade", ())]
        )
    return ResponseHead(
        status=parsed.status,
        start=start,
        fields=fields,
        content_length=content_length,
        chunked=bool(encodings),
        keep_alive=keeps_alive(parsed.version, connections),
        bodiless=bodiless,
        sized=parsed.status >= 200 and not bodiless and bool(content_length),
        content_type=content_type,
        content_encoding=_last(noted, b"content-encoding"),
        retry_after=_last(noted, b"retry-after"),
        streams=is_stream_type(content_type),
    )


_known_head = lru_cache(_HEADS_REMEMBERED)(_read)


class _Parsed:
    """What llhttp makes of one head."""

    def __init__(self, head: bytes) -> None:
        self.reason = b""
        self.fields: Fields = []
        self.noted: Fields = []
        parser = httptools.HttpResponseParser(self)
        try:
            # Another protocol ends parsing; the head is complete by then.
            with contextlib.suppress(httptools.HttpParserUpgrade):
                parser.feed_data(head)
        except httptools.HttpParserError as error:
            raise UpstreamError("bad_response", f"the upstream's response is malformed: {error}") from error
        self.status: int = parser.get_status_code()
        self.version: str = parser.get_http_version()

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        folded = name.lower()
        if folded in _NOTED:
            self.noted.append((folded, value))
            if folded in HOP_BY_HOP:
                return
        self.fields.append((name, value))


def _check_framing(lengths: tuple[bytes, ...], encodings: tuple[bytes, ...]) -> None:
    if len(lengths) + bool(encodings) > 1:
        text = "the upstream's response declares the length of its body more than once"
        raise UpstreamError("bad_response", text)
    if lengths and int(lengths[0]) > _BODY_BYTES_MAX:
        text = f"the upstream's response declares a body of {int(lengths[0])} bytes, which nobody has"
        raise UpstreamError("bad_response", text)
    if encodings and (len(encodings) > 1 or encodings[0].lower() != b"chunked"):
        shown = b", ".join(encodings)[:40].decode("latin-1")
        raise UpstreamError("bad_response", f"the upstream's Transfer-Encoding is {shown!r}, not 'chunked'")


def _last(noted: dict[bytes, tuple[bytes, ...]], name: bytes) -> bytes | None:
    values = noted.get(name)
    return values[-1] if values else None
