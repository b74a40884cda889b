"""The gauntlet: faults that a client meets one at a time, each as a plan, with what a good client makes of it.

The plans are fixed, not drawn: who fails here can look at the very bytes. Most faults hit the first `HITS` calls of a
client and then go away, so that trying again is rewarded; those that no second try can mend stay.
"""

from typing import Literal

import msgspec

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.plan import (
    PASS_THROUGH,
    Abort,
    Body,
    Forward,
    Head,
    LoseReply,
    Plan,
    Raw,
    RelayBody,
    RelayDamaged,
    RelayFalseHead,
    RelayHead,
    RelayPart,
    RelayPieces,
    Step,
    Wait,
)
from earthwire.traces.tool_key import PathTemplater, tool_key

HITS = 2
"""Calls that a fault hits before it goes away."""

SLOW_S = 1.5
"""A delay that no client should fall over."""

_PIECES = 12
_U = 0.37

Wanted = Literal["unaffected", "try again", "give up"]
"""What a good client makes of a fault: nothing, a further try, or an error that it tells its caller.

A client may well need a field that is missing; then giving up is as good.
"""


class GauntletFault(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        name: short, for the command line.
        layer: where it lives: transport, http or content.
        text: what happens, for people.
        wanted: of a good client.
        plan: what is performed.
        hits: calls that it hits before it goes away; None for all.
        body_is_true: only the head is false: who ignores what it says gets the true answer.
    """

    name: str
    layer: Literal["transport", "http", "content"]
    text: str
    wanted: Wanted
    plan: Plan
    hits: int | None = HITS
    body_is_true: bool = False


class GauntletPlanner:
    """Plans the calls of each episode by the fault of that name (see `earthwire.proxy.calls.planner.Planner`)."""

    seed = 0
    profile_hash = "gauntlet"

    def __init__(self) -> None:
        self._templater = PathTemplater()
        self._counts: dict[str, int] = {}

    def draw(self, call: Call) -> Drawn:
        """Return the plan of the next call of an episode; one that is named like no fault has none."""
        index = self._counts.get(call.episode, 0)
        self._counts[call.episode] = index + 1
        # What looks at the bytes of a fault has an episode of its own: its name, and more behind a tilde.
        fault = GAUNTLET.get(call.episode.partition("~")[0])
        if fault is None or (fault.hits is not None and index >= fault.hits):
            return Drawn(index, PASS_THROUGH)
        return Drawn(index, fault.plan)

    def tool_of(self, method: str, path: str, _: str | None = None) -> str:
        """Return ``METHOD gauntlet/template``."""
        return tool_key(method, "gauntlet", self._templater.template(path))

    def forget(self, episode: str) -> None:
        """Start an episode anew."""
        self._counts.pop(episode, None)


def _plan(outcome: str, *steps: Step, due_s: float = 0.0) -> Plan:
    return Plan(outcome, due_s, due_s, steps, "assumed")


def _answer(status: int, body: bytes, **headers: str) -> tuple[Step, ...]:
    fields = (("date", ""), *((name.replace("_", "-"), value) for name, value in headers.items()))
    return Head(status, fields, len(body)), Body(body)


def _error(status: int, code: str, **headers: str) -> tuple[Step, ...]:
    body = msgspec.json.encode({"error": {"code": code, "message": code.replace("_", " ")}})
    return _answer(status, body, content_type="application/json", **headers)


def _damaged(operator: str) -> tuple[Step, ...]:
    return Forward(), RelayDamaged(operator, _U)


_RELAY: tuple[Step, ...] = (Forward(), RelayHead())
_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\r\n"
_DUE_S = tuple(SLOW_S * i / (_PIECES - 1) for i in range(_PIECES))

_FAULTS = (
    GauntletFault(
        "slow",
        "transport",
        f"the answer takes {SLOW_S:g} s",
        "unaffected",
        _plan("ok", Forward(), Wait(SLOW_S), RelayHead(), RelayBody(SLOW_S), due_s=SLOW_S),
    ),
    GauntletFault(
        "dribble",
        "transport",
        f"the body comes in {_PIECES} parts over {SLOW_S:g} s",
        "unaffected",
        _plan("ok", *_RELAY, RelayPieces(_DUE_S, "parts"), due_s=SLOW_S),
    ),
    GauntletFault(
        "fragments",
        "transport",
        "the body comes in pieces of 1 to 16 bytes",
        "unaffected",
        _plan("ok", *_RELAY, RelayPieces((0.0,), "fragments", _U)),
    ),
    GauntletFault(
        "reset",
        "transport",
        "the connection is reset before an answer",
        "try again",
        _plan("conn_error", Abort("rst")),
    ),
    GauntletFault(
        "closed",
        "transport",
        "the connection is closed without an answer",
        "try again",
        _plan("conn_error", Abort("fin")),
    ),
    GauntletFault(
        "reset-midway",
        "transport",
        "the connection is reset in the middle of the body",
        "try again",
        _plan("conn_error", *_RELAY, RelayPart(20), Abort("rst")),
    ),
    GauntletFault(
        "hang",
        "transport",
        "there is no answer, ever",
        "try again",
        _plan("timeout", Abort("hang")),
    ),
    GauntletFault(
        "stall-midway",
        "transport",
        "20 bytes of the body, then silence",
        "try again",
        _plan("timeout", *_RELAY, RelayPart(20), Abort("hang")),
    ),
    GauntletFault(
        "lost-reply",
        "transport",
        "the tool does its work, then the connection is reset",
        "try again",
        _plan("conn_error", Forward(), LoseReply(), Abort("rst")),
    ),
    GauntletFault(
        "not-http",
        "transport",
        "the answer is not HTTP",
        "try again",
        _plan("malformed", Raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Abort("fin")),
    ),
    GauntletFault(
        "rate-limit",
        "http",
        "429 with Retry-After: 1",
        "try again",
        _plan("http_4xx:429", *_error(429, "rate_limited", retry_after="1")),
    ),
    GauntletFault(
        "unavailable",
        "http",
        "503 with Retry-After: 1",
        "try again",
        _plan("http_5xx:503", *_error(503, "unavailable", retry_after="1")),
    ),
    GauntletFault(
        "server-error",
        "http",
        "500",
        "try again",
        _plan("http_5xx:500", *_error(500, "internal_error")),
    ),
    GauntletFault(
        "gateway-page",
        "http",
        "502 with a page of HTML",
        "try again",
        _plan("http_5xx:502", *_answer(502, _PAGE, content_type="text/html")),
    ),
    GauntletFault(
        "unauthorized",
        "http",
        "401 that stays",
        "give up",
        _plan("http_4xx:401", *_error(401, "invalid_token", www_authenticate='Bearer error="invalid_token"')),
        None,
    ),
    GauntletFault(
        "cut-body",
        "content",
        "fewer bytes than Content-Length promises",
        "try again",
        _plan("malformed:truncated", *_RELAY, RelayBody(fraction=0.5), Abort("fin")),
    ),
    GauntletFault(
        "no-last-chunk",
        "content",
        "a chunked body without its last chunk",
        "try again",
        _plan("malformed:truncated", Forward(), RelayFalseHead(chunked=True), RelayPart(), Abort("fin")),
    ),
    GauntletFault(
        "silently-cut",
        "content",
        "half of the JSON, under a length that fits it",
        "try again",
        _plan("malformed:truncated", *_damaged("truncate_silently")),
    ),
    GauntletFault(
        "empty",
        "content",
        "200 with an empty body",
        "try again",
        _plan("malformed:empty", *_damaged("empty")),
    ),
    GauntletFault(
        "page",
        "content",
        "200 with a page of HTML that says it is JSON",
        "try again",
        _plan("malformed:html", *_damaged("html_page")),
    ),
    GauntletFault(
        "bad-json",
        "content",
        "JSON with a comma too many",
        "try again",
        _plan("malformed:invalid_json", *_damaged("trailing_comma")),
    ),
    GauntletFault(
        "error-in-200",
        "content",
        "an error under status 200",
        "try again",
        _plan("semantic_error", *_damaged("error_envelope")),
    ),
    GauntletFault(
        "stream-error",
        "content",
        "a stream of events ends with an error midway",
        "try again",
        _plan("semantic_error", *_damaged("sse_error")),
    ),
    GauntletFault(
        "stream-cut",
        "content",
        "a stream of events ends before its last one",
        "try again",
        _plan("malformed:stream", *_damaged("sse_disconnect")),
    ),
    GauntletFault(
        "missing-field",
        "content",
        "a field that was always there is missing",
        "unaffected",
        _plan("malformed:schema_drift", *_damaged("drift_missing")),
        None,
    ),
    GauntletFault(
        "false-gzip",
        "content",
        "plain bytes that say they are gzip",
        "give up",
        _plan("malformed:encoding", Forward(), RelayFalseHead((("content-encoding", "gzip"),)), RelayBody()),
        None,
        body_is_true=True,
    ),
)

GAUNTLET: dict[str, GauntletFault] = {fault.name: fault for fault in _FAULTS}
"""All faults by name, in the order in which they are met."""
