"""The response body of a HAR entry: text, base64, or Polly.JS's ways of keeping encoded and binary bodies.

Polly.JS keeps a body that came with a content encoding as a JSON array of hex or base64 chunks of the encoded
bytes, and a binary one as hex (``_isBinary`` before version 6, ``encoding: hex`` since).
"""

import base64
import binascii
import re
import zlib

import msgspec

DECODED_BYTES_MAX = 64 * 1024 * 1024

_CHUNKS_DECODER = msgspec.json.Decoder(list[str])
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")


class Content(msgspec.Struct, frozen=True, rename={"mime_type": "mimeType", "is_binary": "_isBinary"}):
    """The ``content`` object of a response."""

    size: int | float | None = None
    mime_type: str | None = None
    text: str | None = None
    encoding: str | None = None
    is_binary: bool | None = None


def response_body(content: Content, content_encoding: str | None) -> bytes | None:
    """Return the decoded body, or None where the entry does not hold it whole.

    Args:
        content: the ``content`` object.
        content_encoding: the response's Content-Encoding header, or None.

    Raises:
        ValueError: if the text is not in the encoding that the entry names.
    """
    if content.text is None or (content.text == "" and (content.size or 0) > 0):
        return None
    if content_encoding and (chunks := _polly_chunks(content.text)):
        return _decompressed(chunks, content_encoding)
    encoding = "hex" if content.is_binary else (content.encoding or "").lower()
    try:
        if encoding == "base64":
            return base64.b64decode(content.text)
        if encoding == "hex":
            return bytes.fromhex(content.text)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"response.content.text is not {encoding}: {error}") from error
    return content.text.encode("utf-8", "surrogatepass")


def _polly_chunks(text: str) -> bytes | None:
    """Return the joined chunks of an encoded body, or None if the text is not an array of chunks."""
    if not text.startswith('["'):
        return None
    try:
        chunks = _CHUNKS_DECODER.decode(text)
        if all(_HEX.fullmatch(chunk) for chunk in chunks):
            return bytes.fromhex("".join(chunks))
        return b"".join(base64.b64decode(chunk, validate=True) for chunk in chunks)
    except (msgspec.DecodeError, binascii.Error):
        return None


def _decompressed(encoded: bytes, content_encoding: str) -> bytes | None:
    """Undo gzip and deflate; other encodings need libraries beyond ours, and the body stays unknown."""
    names = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
    window = names.get(content_encoding.strip().lower())
    if window is None:
        return None
    decompressor = zlib.decompressobj(window)
    try:
        body = decompressor.decompress(encoded, DECODED_BYTES_MAX)
    except zlib.error:
        return None
    return body if decompressor.eof else None
