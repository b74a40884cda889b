"""Strict rules for request heads: what is ambiguous is refused, so that no upstream reads it differently.

The parser behind (llhttp) refuses bare line ends, NUL, white space before colons and malformed numbers by itself.
Here is what it lets pass, and clear words for what it refuses.
"""

import string
from collections.abc import Sequence

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.refusal import RequestRefusedError

_CONTENT_LENGTH_DIGITS_MAX = 19
_IN_TARGET = bytes(code for code in range(0x21, 0x7F) if code != ord("#"))
_IN_HOST = (string.ascii_letters + string.digits + "._~!$&'()*+,;=%:[]-").encode("ascii")


def check_folding(head: bytes) -> None:
    """Refuse a head with a folded line, which some versions of the parser would join.

    Raises:
        RequestRefusedError: 400.
    """
    if b"\n " in head or b"\n\t" in head:
        raise RequestRefusedError(
            400, "folded_header", "a header line is folded (RFC 9112 5.2); send it in one line"
        )


def refusal_of_head(head: bytes, parser_text: str, limits: Limits) -> RequestRefusedError:
    """Return the clearest reason against a head that the parser refused.

    Args:
        head: with its final empty line.
        parser_text: what the parser said.
        limits: bound on the body.
    """
    line_count = head.count(b"\r\n")
    if head.count(b"\n") != line_count or head.count(b"\r") != line_count:
        text = "a line of the request head ends in a bare CR or LF; use CRLF"
        return RequestRefusedError(400, "bare_line_end", text)
    if b"\0" in head:
        return RequestRefusedError(400, "nul_in_head", "the request head contains a NUL byte")
    fields = [line.partition(b":")[::2] for line in head.split(b"\r\n")[1:-2]]
    if any(name != name.strip() for name, _ in fields):
        text = "a header name is followed by white space before its colon"
        return RequestRefusedError(400, "space_before_colon", text)
    lengths = [value.strip() for name, value in fields if name.lower() == b"content-length"]
    encodings = [value.strip() for name, value in fields if name.lower() == b"transfer-encoding"]
    try:
        body_length(lengths, encodings, "1.1", limits)
    except RequestRefusedError as refusal:
        return refusal
    return RequestRefusedError(400, "bad_request", f"the request is malformed: {parser_text}")


def check_incomplete_head(data: bytes | bytearray, limits: Limits) -> None:
    """Refuse a head that is too long before it is even complete.

    Raises:
        RequestRefusedError: 414 if the request line is, 431 if the head is.
    """
    if len(data) > limits.target_bytes_max and data.find(b"\r\n", 0, limits.target_bytes_max) < 0:
        raise _target_too_long(limits)
    if len(data) > limits.head_bytes_max:
        raise RequestRefusedError(
            431, "head_too_long", f"the request head is longer than {limits.head_bytes_max} bytes"
        )


def check_request_line(head: bytes, method: bytes, target: bytes, version: str) -> None:
    """Refuse a request line that says more than what was read in it: other blanks, line ends or protocols.

    Raises:
        RequestRefusedError: 400.
    """
    if not head.startswith(b"%b %b HTTP/%b\r\n" % (method, target, version.encode("ascii"))):
        text = "the request line is not METHOD, one space, target, one space, HTTP/1.1 and CRLF"
        raise RequestRefusedError(400, "bad_request_line", text)


def check_target(method: bytes, target: bytes, limits: Limits) -> bytes:
    """Return the request target in origin form (``/path?query``), or ``*``.

    The authority of an absolute-form target is dropped: Host is rewritten to the upstream's anyway.

    Raises:
        RequestRefusedError: 414 if it is too long, 400 for any other form.
    """
    if len(target) > limits.target_bytes_max:
        raise _target_too_long(limits)
    if target.translate(None, _IN_TARGET):
        raise RequestRefusedError(
            400, "bad_target", "the request target has a character that must be percent-encoded"
        )
    if target.startswith(b"/"):
        return target
    if target == b"*" and method == b"OPTIONS":
        return target
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https") or not rest or rest[0] in b"/?":
        raise RequestRefusedError(
            400, "bad_target", "the request target is neither a path nor an http(s) URL"
        )
    return _origin_form(rest)


def check_host(hosts: Sequence[bytes], version: str) -> None:
    """Refuse a request without exactly one well-formed Host.

    Raises:
        RequestRefusedError: 400.
    """
    if len(hosts) > 1:
        raise RequestRefusedError(400, "several_hosts", "the request has more than one Host header")
    if not hosts:
        if version == "1.1":
            raise RequestRefusedError(400, "no_host", "an HTTP/1.1 request needs a Host header")
        return
    if hosts[0].translate(None, _IN_HOST):
        raise RequestRefusedError(400, "bad_host", "the Host header has a character that no host has")


def check_version(version: str) -> None:
    """Refuse any HTTP version but 1.0 and 1.1.

    Raises:
        RequestRefusedError: 505.
    """
    if version not in ("1.0", "1.1"):
        raise RequestRefusedError(
            505, "version_not_served", f"HTTP/{version} is not served here; use HTTP/1.1"
        )


def body_length(
    lengths: Sequence[bytes], encodings: Sequence[bytes], version: str, limits: Limits
) -> int | None:
    """Return the declared length of the body in bytes, or None if none is declared.

    Args:
        lengths: values of all Content-Length headers.
        encodings: values of all Transfer-Encoding headers.
        version: HTTP version of the request.
        limits: bound on the body.

    Raises:
        RequestRefusedError: 400 if the framing is ambiguous or malformed, 413 if the body is too long, 501 for a
            transfer coding other than ``chunked``.
    """
    if encodings:
        _check_chunked(lengths, encodings, version)
    if not lengths:
        return None
    if len(lengths) > 1:
        raise RequestRefusedError(
            400, "several_lengths", "the request has more than one Content-Length header"
        )
    value = lengths[0]
    if not value.isdigit() or len(value) > _CONTENT_LENGTH_DIGITS_MAX:
        shown = value[:40].decode("latin-1")
        raise RequestRefusedError(
            400, "bad_length", f"Content-Length is {shown!r}; it must be a decimal number"
        )
    check_body_bytes(int(value), limits)
    return int(value)


def check_body_bytes(size_bytes: int, limits: Limits) -> None:
    """Refuse a body that is too long.

    Raises:
        RequestRefusedError: 413.
    """
    if size_bytes > limits.request_body_bytes_max:
        raise RequestRefusedError(
            413,
            "body_too_long",
            f"the request body has {size_bytes} bytes or more; at most {limits.request_body_bytes_max} are served",
        )


def _check_chunked(lengths: Sequence[bytes], encodings: Sequence[bytes], version: str) -> None:
    if lengths:
        raise RequestRefusedError(
            400,
            "length_and_encoding",
            "the request has both Content-Length and Transfer-Encoding; send one of them",
        )
    if version == "1.0":
        raise RequestRefusedError(
            400, "encoding_in_1_0", "an HTTP/1.0 request cannot have a Transfer-Encoding"
        )
    if len(encodings) > 1 or encodings[0].lower() != b"chunked":
        shown = b", ".join(encodings)[:40].decode("latin-1")
        raise RequestRefusedError(
            501, "encoding_not_served", f"Transfer-Encoding is {shown!r}; only 'chunked' is served"
        )


def connect_refusal() -> RequestRefusedError:
    """Return the reason against a CONNECT request."""
    text = "CONNECT is for a forward proxy; this is a reverse proxy, send a path"
    return RequestRefusedError(405, "connect_not_served", text)


def _target_too_long(limits: Limits) -> RequestRefusedError:
    return RequestRefusedError(
        414, "target_too_long", f"the request target is longer than {limits.target_bytes_max} bytes"
    )


def _origin_form(after_scheme: bytes) -> bytes:
    """Cut the authority off: ``host:1/a?b`` -> ``/a?b``, ``host?b`` -> ``/?b``."""
    for index, character in enumerate(after_scheme):
        if character == 0x2F:
            return after_scheme[index:]
        if character == 0x3F:
            return b"/" + after_scheme[index:]
    return b"/"
