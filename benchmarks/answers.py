"""When an answer is whole, as the clients here see it; proxies may change the body."""


def body_bytes(head: bytes) -> int | None:
    """Return the declared length of the body that follows a head; None if none is declared."""
    _, declared, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n")[0]) if declared else None


def is_whole(received: bytes) -> bool:
    """Tell whether bytes are a head and a body of the length that it declares."""
    head, separator, body = received.partition(b"\r\n\r\n")
    length = body_bytes(head) if separator else None
    return length is not None and len(body) >= length
