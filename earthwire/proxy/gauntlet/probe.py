"""Looks at the very bytes of a fault: a raw client that asks once and writes down what its socket saw."""

import asyncio

import msgspec

SHOWN_BYTES_MAX = 2048
"""What is kept of the bytes of a fault."""

_READ_BYTES = 64 * 1024


class Seen(msgspec.Struct, frozen=True):
    """What a socket saw.

    Attributes:
        data: the first bytes.
        byte_count: of all that came.
        ending: how the connection ended: ``kept open``, ``closed``, ``reset`` or ``silence``.
        elapsed_s: from the request to the last byte or the ending.
    """

    data: bytes
    byte_count: int
    ending: str
    elapsed_s: float


async def probe(host: str, port: int, path: str, silence_s: float) -> Seen:
    """Ask for `path` once.

    Args:
        host, port: of the proxy.
        path: to ask for.
        silence_s: when nothing has come for so long, that is the end of it.
    """
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(host, port)
    begin_s = loop.time()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n\r\n".encode())
    data, last_s, ending = b"", begin_s, "silence"
    try:
        while True:
            came = await asyncio.wait_for(reader.read(_READ_BYTES), silence_s)
            last_s = loop.time()
            if not came:
                ending = "closed"
                break
            data += came
            if _is_whole(data):
                ending = "kept open"
                break
    except TimeoutError:
        pass
    except ConnectionError:
        ending, last_s = "reset", loop.time()
    finally:
        writer.transport.abort()
    return Seen(data[:SHOWN_BYTES_MAX], len(data), ending, last_s - begin_s)


def _is_whole(data: bytes) -> bool:
    """Tell whether a response has come to the end that its head promises."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"content-length" in fields:
        return len(body) == int(fields[b"content-length"])
    return fields.get(b"transfer-encoding", b"").strip() == b"chunked" and body.endswith(b"0\r\n\r\n")
