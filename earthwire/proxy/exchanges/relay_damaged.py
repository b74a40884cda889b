"""Relaying a response whose body is damaged on the way: read whole, damaged, sent with a head that fits."""

import msgspec

from earthwire.fault_models.damage import Payload, damaged
from earthwire.fault_models.plan import RelayDamaged
from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.content_coding import decoded, encoded
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.headers import serialise

STALE = "stale"
"""Operator that needs to know an earlier answer."""

_DESCRIBING_BYTES = (b"content-length", b"content-md5", b"digest", b"content-digest", b"repr-digest")
"""Headers that would give the damage away, or break the response."""


class DamagedResponse(msgspec.Struct, frozen=True):
    """What is sent instead of the upstream's response.

    Attributes:
        head: with the length that it promises.
        body: bytes to send.
        is_cut: fewer bytes than the head promises: the connection ends with them.
    """

    head: ResponseHead
    body: bytes
    is_cut: bool


async def read_part(body: Body, bytes_max: int) -> bytes:
    """Read a body to its end, or until it is longer than `bytes_max`; `body.complete` tells which.

    Raises:
        UpstreamError: if the upstream ends the body before its end.
    """
    parts: list[bytes] = []
    size_bytes = 0
    while size_bytes <= bytes_max and await body.more():
        parts.append(body.take())
        size_bytes += len(parts[-1])
    return b"".join(parts)


def damaged_response(
    head: ResponseHead, data: bytes, step: RelayDamaged, bytes_max: int, earlier: bytes | None = None
) -> DamagedResponse | None:
    """Return the damaged response; None where there is nothing to damage.

    Args:
        head: of the upstream's response.
        data: its whole body, perhaps under a content coding.
        step: says how to damage it.
        bytes_max: bound on the body without its coding.
        earlier: what the same request was answered with earlier, under the same coding, or None.
    """
    if not 200 <= head.status < 300 or head.bodiless:
        return None
    plain = decoded(data, head.content_encoding, bytes_max)
    if not plain:
        return None
    plain_earlier = None if earlier is None else decoded(earlier, head.content_encoding, bytes_max)
    payload = Payload(plain, head.content_type, earlier=plain_earlier)
    result = damaged(payload, step.operator, step.u, step.aim)
    if result is None:
        return None
    sent = encoded(result.body, head.content_encoding)
    if not result.missing_bytes:
        return DamagedResponse(_head(head, result, len(sent)), sent, is_cut=False)
    # A coded body is cut as such: what is missing is missing from the bytes on the wire.
    whole_bytes = len(data)
    sent = data[: min(whole_bytes - 1, whole_bytes * len(result.body) // len(plain))]
    return DamagedResponse(_head(head, result, whole_bytes), sent, is_cut=True)


def _head(head: ResponseHead, result: Payload, promised_bytes: int) -> ResponseHead:
    content_type = result.content_type
    fields = []
    for name, value in head.fields:
        folded = name.lower()
        if folded == b"content-type" and content_type is not None:
            fields.append((name, content_type.encode("latin-1")))
        elif folded not in _DESCRIBING_BYTES:
            fields.append((name, value))
        elif folded == b"content-length":
            fields.append((name, b"%d" % promised_bytes))
    declared = None if head.content_length is None else promised_bytes
    # The status line stays as it came; what follows it is written anew.
    status_line = head.start.partition(b"\r\n")[0] + b"\r\n"
    return msgspec.structs.replace(
        head,
        start=serialise(status_line, fields),
        fields=fields,
        content_length=declared,
        content_type=content_type,
    )
