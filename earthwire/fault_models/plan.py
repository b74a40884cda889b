"""The plan of one call: what is to happen on the wire, as data.

A plan is decided by pure code (`draw`) and performed by one shell (`earthwire.proxy`). Rules:

1. Steps are performed in order, once each.
2. All times count from the arrival of the request, in seconds. A `Wait` whose time has passed does not wait: the
   upstream's own time counts inside the plan, never on top of it.
3. Nothing follows an `Abort`; what follows an `AbortReused` is for connections that are new.
4. `Forward` stands first where the upstream is to see the request at all. Without it the upstream is never called.
5. At most one head is sent: either `Head` (ours), or the upstream's, by `RelayHead`, `RelayFalseHead`, `RelayDamaged`
   or `RelayAnswer`.
"""

import hashlib
from typing import Literal, final

import msgspec

Support = Literal["tool", "server", "global", "assumed"]
"""How much evidence stands behind a law: the tool's own calls, its server's, all calls, or none at all."""

AbortHow = Literal["rst", "fin", "hang"]

PieceCut = Literal["events", "parts", "fragments"]


@final
class Forward(msgspec.Struct, frozen=True, array_like=True, tag="forward", gc=False):
    """Send the request upstream now; later `Relay` steps pass on what comes back."""


@final
class Wait(msgspec.Struct, frozen=True, array_like=True, tag="wait", gc=False):
    """Wait until `until_s` seconds after the arrival of the request."""

    until_s: float


@final
class RelayHead(msgspec.Struct, frozen=True, array_like=True, tag="relay_head", gc=False):
    """Pass on the status line and headers of the upstream's response, as soon as they are there."""


@final
class RelayBody(msgspec.Struct, frozen=True, array_like=True, tag="relay_body", gc=False):
    """Pass on the upstream's body as it comes; its last bytes leave no earlier than `last_byte_s`.

    With `fraction` below 1 only that part of the body is sent (rounded down, in bytes), under the unchanged head.
    """

    last_byte_s: float = 0.0
    fraction: float = 1.0


@final
class RelayFalseHead(msgspec.Struct, frozen=True, array_like=True, tag="relay_false_head"):
    """Pass on the upstream's status line and headers, with statements that are not true of the body behind them.

    `headers` holds (name, value) pairs in place of the fields of that name, if there are any; fields named in `without`
    are left out. `length_offset_bytes` is added to the length that the body has; with `chunked` the body comes in
    chunks instead, whatever the upstream did.
    """

    headers: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    length_offset_bytes: int = 0
    chunked: bool = False


@final
class RelayPart(msgspec.Struct, frozen=True, array_like=True, tag="relay_part", gc=False):
    """Pass on the next `byte_count` bytes of the upstream's body, or all of them, as they come.

    The end of a chunked body is never sent. Later steps pass on the rest.
    """

    byte_count: int | None = None


@final
class LoseReply(msgspec.Struct, frozen=True, array_like=True, tag="lose_reply", gc=False):
    """Read the upstream's whole response and send nothing of it: the upstream has done its work, its answer is lost."""


@final
class RelayPieces(msgspec.Struct, frozen=True, array_like=True, tag="relay_pieces"):
    """Pass on the upstream's body in pieces, the first no earlier than ``due_s[0]`` and the last than ``due_s[-1]``.

    What a piece is, `cut` says. ``events``: an event of an event stream, or a chunk as it comes; a body of declared
    length that is no event stream is passed on as by `RelayBody`. ``parts``: one of ``len(due_s)`` equal parts.
    ``fragments``: 1 to 16 bytes, as `u` in (0, 1) decides. With more pieces than times several leave at once, with
    fewer some times are passed over.
    """

    due_s: tuple[float, ...]
    cut: PieceCut = "events"
    u: float = 0.5


@final
class RelayDamaged(msgspec.Struct, frozen=True, array_like=True, tag="relay_damaged"):
    """Pass on the upstream's response with its body damaged; stands in place of both `RelayHead` and `RelayBody`.

    A body that nothing can be damaged about, or that is no success, is passed on as it is.

    `operator` is the name of one of `earthwire.fault_models.damage.OPERATORS`, `u` in (0, 1) decides all that it
    leaves open, `aim` is the JSON path that it is aimed at. The last bytes leave no earlier than `last_byte_s`. The
    events of a stream leave no earlier than at `due_s`, as far as the damage lets it come.
    """

    operator: str
    u: float
    last_byte_s: float = 0.0
    aim: str | None = None
    due_s: tuple[float, ...] = ()


@final
class RelayAnswer(msgspec.Struct, frozen=True, array_like=True, tag="relay_answer", gc=False):
    """Pass on the response to a request of JSON-RPC, of which only the answer itself is due at a time.

    In a stream of events, what the server says before its answer passes at once: the client may have to react to it.
    The answer leaves no earlier than `last_byte_s`; with `damage` its text is damaged, inside a message that stays
    whole, or with `damages_message` the message itself. It stands in place of both `RelayHead` and `RelayBody`; a
    response that is no stream begins no earlier than `first_byte_s`.
    """

    first_byte_s: float = 0.0
    last_byte_s: float = 0.0
    damage: RelayDamaged | None = None
    damages_message: bool = False


@final
class Head(msgspec.Struct, frozen=True, array_like=True, tag="head"):
    """Send a status line and headers of our own.

    `headers` holds (name, value) pairs without ``Content-Length``, which is `content_length`; it may promise more
    than the body steps deliver. None as length means a body delimited by the end of the connection. An empty ``date``
    stands for the time at which the head is sent.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    content_length: int | None = 0


@final
class Body(msgspec.Struct, frozen=True, array_like=True, tag="body", gc=False):
    """Send these bytes of body."""

    data: bytes


@final
class Raw(msgspec.Struct, frozen=True, array_like=True, tag="raw", gc=False):
    """Send these bytes as they are, outside of all framing; the connection serves no other call."""

    data: bytes


@final
class Abort(msgspec.Struct, frozen=True, array_like=True, tag="abort", gc=False):
    """End the connection: with a reset (``rst``), in order (``fin``), or not at all (``hang``).

    A hang is silence until the client leaves.
    """

    how: AbortHow


@final
class AbortReused(msgspec.Struct, frozen=True, array_like=True, tag="abort_reused", gc=False):
    """End the connection as `Abort` does if it has served a call before; on a new one go on with the next step."""

    how: AbortHow


Step = (
    Forward
    | Wait
    | RelayHead
    | RelayBody
    | RelayFalseHead
    | RelayPart
    | RelayPieces
    | RelayDamaged
    | RelayAnswer
    | LoseReply
    | Head
    | Body
    | Raw
    | Abort
    | AbortReused
)


class Plan(msgspec.Struct, frozen=True, array_like=True):
    """One concrete decision for one call.

    Attributes:
        outcome: the outcome kind that was drawn (`earthwire.traces.labels.outcome_kind`).
        first_byte_s: when the first byte of the response is due, seconds after arrival.
        last_byte_s: when the last byte is due, seconds after arrival; at least `first_byte_s`.
        steps: what to perform.
        support: evidence behind the outcome that was drawn.
    """

    outcome: str
    first_byte_s: float
    last_byte_s: float
    steps: tuple[Step, ...]
    support: Support


def steps_on(plan: Plan, *, reused: bool) -> tuple[Step, ...]:
    """Return the steps of a plan where it is known beforehand whether the connection has served a call before."""
    steps = tuple(step for step in plan.steps if reused or not isinstance(step, AbortReused))
    return tuple(Abort(step.how) if isinstance(step, AbortReused) else step for step in steps)


PASS_THROUGH = Plan("ok", 0.0, 0.0, (Forward(), RelayHead(), RelayBody()), "assumed")
"""The plan that changes nothing: forward at once, relay as it comes."""

_encode = msgspec.msgpack.Encoder().encode
_new_digest = hashlib.blake2b(digest_size=8).copy
"""A copy for each plan takes a third of the time of making a new one."""


def plan_digest(plan: Plan) -> str:
    """Return 16 hex digits that identify a plan: equal digests mean equal plans."""
    digest = _new_digest()
    digest.update(_encode(plan))
    return digest.hexdigest()


def encoded_plan(plan: Plan) -> bytes:
    """Return the bytes that `plan_digest` is the digest of."""
    return _encode(plan)
