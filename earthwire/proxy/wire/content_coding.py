"""Content codings that bodies are read through: gzip and deflate (RFC 9110, section 8.4.1)."""

import gzip
import zlib

_AUTOMATIC_WINDOW_BITS = zlib.MAX_WBITS | 32


def decoded(data: bytes, coding: bytes | None, bytes_max: int) -> bytes | None:
    """Return bytes without their content coding; None if that is not possible within the bound.

    Args:
        data: a whole body.
        coding: value of Content-Encoding, or None.
        bytes_max: bound on the result.
    """
    if coding is None or coding.lower() == b"identity":
        return data
    if coding.lower() not in (b"gzip", b"x-gzip", b"deflate"):
        return None
    decoder = zlib.decompressobj(_AUTOMATIC_WINDOW_BITS)
    try:
        plain = decoder.decompress(data, bytes_max)
    except zlib.error:
        return None
    return plain if decoder.eof else None


def encoded(data: bytes, coding: bytes | None) -> bytes:
    """Return bytes under a content coding that `decoded` knows; the same bytes for the same data."""
    if coding is None or coding.lower() == b"identity":
        return data
    if coding.lower() == b"deflate":
        return zlib.compress(data)
    return gzip.compress(data, mtime=0)
