"""From an outcome kind and its times to the steps that bring it about on the wire.

One function a family of kinds; `deliver` is the one place where the families are listed.
"""

from earthwire.fault_models.laws.payload import CLASS_OF_KIND, NO_PAYLOAD_LAW, PayloadLaw
from earthwire.fault_models.plan import Abort, Body, Forward, Head, RelayBody, RelayHead, Step, Wait
from earthwire.fault_models.profile import ErrorResponse
from earthwire.fault_models.steps.pace import PACED_KINDS, paced
from earthwire.fault_models.steps.wire_kinds import wire_steps
from earthwire.traces.labels.outcome_kind import status_of_kind

_FORWARD, _RELAY_HEAD = Forward(), RelayHead()
_RESET, _HANG, _FIN = Abort("rst"), Abort("hang"), Abort("fin")
_JSON = "application/json"

RELAYED_KINDS = ("ok", "unknown")
"""Kinds that the upstream itself answers."""

_ASSUMED_HEADERS = {"date": ""}
"""Of a server whose headers were not recorded; one with a clock must send a Date (RFC 9110, section 6.6.1)."""

_HEADERS_OF_STATUS = {
    401: {"www-authenticate": 'Bearer realm="api"'},
    405: {"allow": "GET, POST"},
    429: {"retry-after": "1"},
}
"""What a response of that status must say (RFC 9110, sections 15.5.2 and 15.5.6), or always does."""

_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_HTML_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n"
    "<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"
)


def deliver(
    kind: str,
    first_byte_s: float,
    last_byte_s: float,
    response: ErrorResponse | None,
    u: float,
    payload: PayloadLaw = NO_PAYLOAD_LAW,
) -> tuple[Step, ...]:
    """Return the steps of a call that ends as `kind`.

    Args:
        kind: outcome kind.
        first_byte_s, last_byte_s: when the response is due, seconds after arrival.
        response: recorded response to answer with, or None to use a plain one of that kind.
        u: uniform in (0, 1) for what the kind leaves open, such as where a body is cut.
        payload: how bodies of the tool break, and the headers that all its responses carry.
    """
    if kind in RELAYED_KINDS:
        return relay(first_byte_s, last_byte_s)
    if kind == "timeout":
        return (_HANG,)
    if kind == "conn_error":
        return (Wait(last_byte_s), _RESET)
    if (steps := wire_steps(kind, first_byte_s, last_byte_s, u)) is not None:
        return steps
    if kind in ("malformed", "malformed:truncated"):
        part = RelayBody(last_byte_s, fraction=payload.fraction(u))
        return (_FORWARD, Wait(first_byte_s), _RELAY_HEAD, part, _FIN)
    if (fault_class := CLASS_OF_KIND.get(kind)) is not None:
        return (_FORWARD, Wait(first_byte_s), payload.damage(fault_class, u, last_byte_s))
    if kind in PACED_KINDS:
        return paced(kind, u, first_byte_s, last_byte_s)
    answer = response or plain_response(kind)
    return _own_response(answer, payload, first_byte_s, last_byte_s)


def relay(first_byte_s: float, last_byte_s: float) -> tuple[Step, ...]:
    """Return the steps of a call that is answered by its upstream, at these times (seconds after arrival)."""
    return (_FORWARD, Wait(first_byte_s), _RELAY_HEAD, RelayBody(last_byte_s))


def plain_response(kind: str) -> ErrorResponse:
    """Return the plain response for a kind of which no recorded one is known: support is ``assumed``."""
    status = status_of_kind(kind)
    if status is not None:
        title = _REASONS.get(status, "Error")
        headers = _HEADERS_OF_STATUS.get(status, {})
        body = f'{{"error":{{"code":{status},"message":"{title}"}}}}'
        return ErrorResponse(0, status, _JSON, body, dict(headers))
    match kind:
        case "malformed:empty":
            return ErrorResponse(0, 200, _JSON, "")
        case "malformed:html":
            return ErrorResponse(0, 200, _JSON, _HTML_PAGE.format("502 Bad Gateway"))
        case "malformed:xml":
            return ErrorResponse(0, 200, _JSON, '<?xml version="1.0"?><error/>')
        case "http_error":
            return ErrorResponse(0, 500, _JSON, '{"error":{"code":500,"message":"Internal Server Error"}}')
        case _:
            return ErrorResponse(0, 200, _JSON, '{"error":"internal error"}')


def _own_response(
    answer: ErrorResponse, payload: PayloadLaw, first_byte_s: float, last_byte_s: float
) -> tuple[Step, ...]:
    body = b"" if answer.status in (204, 304) else answer.body.encode()
    headers = tuple(((payload.headers or _ASSUMED_HEADERS) | answer.headers).items())
    if answer.content_type is not None:
        headers = (("content-type", answer.content_type), *headers)
    head = Head(answer.status, headers, len(body))
    if last_byte_s > first_byte_s and body:
        return (Wait(first_byte_s), head, Wait(last_byte_s), Body(body))
    return (Wait(last_byte_s), head, Body(body)) if body else (Wait(last_byte_s), head)
