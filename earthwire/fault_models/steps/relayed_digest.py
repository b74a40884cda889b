"""Digests of plans that relay the answer of the upstream: most plans are such, and differ in their times alone.

A plan and its steps are made in order to be performed. Where nothing is left to perform, their digest is all that is
wanted of them, and it takes a third of the time to put the times into a plan that is encoded already.
"""

import hashlib
import struct
from collections.abc import Callable
from functools import lru_cache

from earthwire.fault_models.plan import Plan, Support, encoded_plan
from earthwire.fault_models.steps.delivery import relay

_FIRST_S, _LAST_S = 0.123456789, 9.87654321
"""Stand for the two times in an encoded plan: no name of an outcome has the bytes of either."""

_FIRST, _LAST = struct.pack(">d", _FIRST_S), struct.pack(">d", _LAST_S)
_new_digest = hashlib.blake2b(digest_size=8).copy


def relayed_digest(kind: str, first_byte_s: float, last_byte_s: float, support: Support) -> str:
    """Return `plan_digest` of the plan of a call that is answered by its upstream.

    Args:
        kind: outcome kind.
        first_byte_s, last_byte_s: when the response is due, seconds after arrival.
        support: evidence behind the outcome.
    """
    pack, start, between, before_wait, before_end, end = _parts(kind, support)
    digest = _new_digest()
    digest.update(
        pack(
            start, first_byte_s, between, last_byte_s, before_wait, first_byte_s, before_end, last_byte_s, end
        )
    )
    return digest.hexdigest()


@lru_cache(256)
def _parts(kind: str, support: Support) -> tuple[Callable[..., bytes], bytes, bytes, bytes, bytes, bytes]:
    """Return what stands around the times (first and last byte of the plan, of its `Wait`, of its `RelayBody`).

    In front of that, what joins all of them.
    """
    encoded = encoded_plan(Plan(kind, _FIRST_S, _LAST_S, relay(_FIRST_S, _LAST_S), support))
    start, rest, ending = encoded.split(_FIRST)
    between, before_wait = rest.split(_LAST)
    before_end, end = ending.split(_LAST)
    around = (start, between, before_wait, before_end, end)
    joined = struct.Struct(">" + "d".join(f"{len(part)}s" for part in around))
    return joined.pack, *around
