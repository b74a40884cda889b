"""Gathers what a profile says about bodies: templates of recorded error responses, shapes, damage, usual headers.

Only redacted bodies go in. All counts add up, and what is kept does not depend on the order of the records.
"""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from earthwire.fault_models.laws.payload import CUT_BINS, NO_PAYLOAD_LAW, PayloadLaw, cut_bin
from earthwire.fault_models.laws.stream import StreamLaw
from earthwire.fault_models.profile import ErrorResponse
from earthwire.grounding.fits.shape_sample import ShapeSample
from earthwire.grounding.fits.streams import StreamTally
from earthwire.grounding.fits.templates import TemplateTally, assumed_echo, echoes_of, key_of, mask
from earthwire.traces.labels.json_shape import Shape, shape_of, thinned
from earthwire.traces.labels.label import FaultLabel
from earthwire.traces.labels.outcome_kind import is_fault, kind_of_record
from earthwire.traces.labels.record_label import label_record
from earthwire.traces.record import TraceRecord
from earthwire.traces.redaction import redact_body

RESPONSES_MAX = 5
"""Templates kept for each tool and outcome kind: the most frequent ones."""
BODY_CHARACTERS_MAX = 4_000
"""Bodies longer than this are not kept: cut, they would be faults of another kind."""
TEMPLATES_MAX = 1_000
"""Templates counted for each tool and outcome kind; texts beyond are as good as noise."""

_HEADERS_NOT_KEPT = frozenset(
    (
        "age",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expires",
        "keep-alive",
        "last-modified",
        "transfer-encoding",
    )
)
"""Headers that belong to one body, one connection or one moment."""

_HEADERS_OF_SERVERS = ("date", "server", "via", "x-content-type-options", "x-powered-by")
"""Headers that a server sends whatever it answers."""
_USUAL_SHARE_MIN = 0.9

_ABOVE_HTTP = ("rpc_error", "tool_error", "semantic_error")
"""Outcomes that a good status carries, where there is a status at all."""

_ABOUT_THE_PATH = (404, 410)
"""Errors that are about what the path names."""

_OPERATOR_OF_SIGN = {
    ("mojibake", "invalid_utf8"): "latin_1",
    ("duplicate_results", "row"): "repeat_row",
    ("duplicate_results", "event"): "sse_repeat_event",
    ("sse_error_midstream", None): "sse_error",
    ("sse_disconnect", None): "sse_disconnect",
}
"""Operator that leaves a sign, where the classifier calls the sign something else."""
_COUNTED_CLASSES = (
    "json_malformed",
    "mojibake",
    "duplicate_results",
    "sse_error_midstream",
    "sse_disconnect",
)

_TemplateKey = tuple[int, str | None, tuple[str, ...], tuple[object, ...]]
_SHAPED = ("json_object", "json_array")
_PART_END = "\x01"
"""Between the parts of a response while they are one text, so that an id in two of them is one slot."""


class _Tool:
    """What was seen of one tool."""

    __slots__ = ("cuts", "header_count", "headers", "kinds", "operators", "shape", "streams")

    def __init__(self) -> None:
        self.kinds: dict[str, dict[_TemplateKey, TemplateTally]] = {}
        self.shape = ShapeSample()
        self.streams = StreamTally()
        self.cuts = [0] * CUT_BINS
        self.operators: dict[str, Counter[str]] = {}
        self.headers: Counter[tuple[str, str]] = Counter()
        self.header_count = 0


class PayloadBank:
    """Counts what recorded responses look like, tool by tool."""

    def __init__(self) -> None:
        self._tools: dict[str, _Tool] = {}

    def add(self, record: TraceRecord) -> None:
        """Count one record."""
        tool = self._tools.setdefault(record.tool, _Tool())
        if record.http_response_header:
            _add_headers(tool, record.http_response_header)
        found = label_record(record)
        if found.fault_class == "ok":
            _add_shape(tool, record)
        else:
            _add_damage(tool, found)
        _add_response(tool, record)
        tool.streams.add(record)

    def responses(self, tool: str) -> dict[str, tuple[ErrorResponse, ...]]:
        """Return the most frequent error responses of a tool, by outcome kind."""
        seen = self._tools.get(tool)
        if seen is None:
            return {}
        return {kind: _most_common(templates) for kind, templates in sorted(seen.kinds.items())}

    def stream_law(self, tool: str) -> StreamLaw | None:
        """Return how the streamed responses of a tool come; None where too few were recorded."""
        seen = self._tools.get(tool)
        return None if seen is None else seen.streams.law()

    def overall_stream_law(self) -> StreamLaw | None:
        """Return the law of all tools' streams together; None where too few were recorded."""
        streams = StreamTally()
        for tool in self._tools.values():
            streams.join(tool.streams)
        return streams.law()

    def law(self, tool: str) -> PayloadLaw:
        """Return the payload law of a tool."""
        seen = self._tools.get(tool)
        return NO_PAYLOAD_LAW if seen is None else _law([seen], seen.shape.shape())

    def overall(self) -> PayloadLaw:
        """Return the law of all tools together; their bodies have no shape in common."""
        return _law(list(self._tools.values()), None) if self._tools else NO_PAYLOAD_LAW


def gather(records: Iterable[TraceRecord]) -> PayloadBank:
    """Return the bank of these records."""
    bank = PayloadBank()
    for record in records:
        bank.add(record)
    return bank


def _add_headers(tool: _Tool, headers: dict[str, list[str]]) -> None:
    tool.header_count += 1
    for name in _HEADERS_OF_SERVERS:
        if headers.get(name):
            tool.headers[name, "" if name == "date" else headers[name][0]] += 1


def _add_shape(tool: _Tool, record: TraceRecord) -> None:
    if record.response_body is None or record.response_body_truncated or record.body_class not in _SHAPED:
        return
    level = tool.shape.level(
        f"{record.session_id} {record.seq} {record.start_time_unix_nano} {record.response_body}"
    )
    if level is None:
        return
    try:
        shape = shape_of(msgspec.json.decode(record.response_body))
    except (msgspec.DecodeError, RecursionError):
        return
    tool.shape.add(level, shape)


def _add_damage(tool: _Tool, found: FaultLabel) -> None:
    if found.fault_class == "truncated_body" and found.fraction is not None:
        tool.cuts[cut_bin(found.fraction)] += 1
    if found.fault_class in _COUNTED_CLASSES:
        operator = _OPERATOR_OF_SIGN.get((found.fault_class, found.operator), found.operator)
        if operator is not None:
            tool.operators.setdefault(found.fault_class, Counter())[operator] += 1


def _add_response(tool: _Tool, record: TraceRecord) -> None:
    """Count the response of a fault with a whole body, and a status unless it is one of MCP over any transport."""
    kind = kind_of_record(record)
    status = record.http_response_status_code
    if status is None and record.outcome in _ABOVE_HTTP:
        status = 200
    if not is_fault(kind) or status is None or record.response_body_truncated:
        return
    body = _usable_body(record)
    if body is None:
        return
    headers = _kept_headers(record)
    text = _PART_END.join((redact_body(body, record.content_type), *headers.values()))
    masked = mask(text, _echoes(record, text))
    key = (status, record.content_type, tuple(headers), key_of(masked))
    templates = tool.kinds.setdefault(kind, {})
    if key not in templates and len(templates) < TEMPLATES_MAX:
        templates[key] = TemplateTally(masked)
    if key in templates:
        templates[key].add(masked)


def _usable_body(record: TraceRecord) -> str | None:
    """Return the body as text; empty where it is known to be empty; None where it is not known."""
    if record.body_class == "empty" or record.http_response_body_size == 0:
        return ""
    body = record.response_body
    if body is None or record.response_body_encoding == "base64" or len(body) > BODY_CHARACTERS_MAX:
        return None
    return None if _PART_END in body else body


def _kept_headers(record: TraceRecord) -> dict[str, str]:
    """Return the headers to send again, by name; an empty date is filled in by whoever sends it."""
    known = record.http_response_header or {}
    headers = {
        name: ", ".join(values)
        for name, values in sorted(known.items())
        if name not in _HEADERS_NOT_KEPT and values
    }
    if "date" in headers:
        headers["date"] = ""
    # As seconds, since a date would be in the past.
    headers.pop("retry-after", None)
    if record.retry_after_s is not None:
        headers["retry-after"] = f"{record.retry_after_s:.0f}"
    return headers


def _echoes(record: TraceRecord, text: str) -> dict[str, str]:
    if record.url_full is None:
        is_about_path = record.http_response_status_code in _ABOUT_THE_PATH
        return assumed_echo(text, record.url_template) if is_about_path else {}
    parts = urlsplit(record.url_full)
    return echoes_of(f"{parts.path}?{parts.query}", record.url_template)


def _most_common(templates: dict[_TemplateKey, TemplateTally]) -> tuple[ErrorResponse, ...]:
    """Return the most frequent responses; ties are broken by the text, not by which came first."""
    ranked = sorted(templates.items(), key=lambda item: (-item[1].count, str(item[0])))[:RESPONSES_MAX]
    return tuple(_response(key, tally) for key, tally in ranked)


def _response(key: _TemplateKey, tally: TemplateTally) -> ErrorResponse:
    status, content_type, names, _ = key
    text, slots = tally.template()
    body, *values = text.split(_PART_END)
    return ErrorResponse(
        tally.count, status, content_type, body, dict(zip(names, values, strict=True)), slots
    )


def _law(tools: list[_Tool], shape: Shape | None) -> PayloadLaw:
    operators: dict[str, Counter[str]] = {}
    headers: Counter[tuple[str, str]] = Counter()
    for tool in tools:
        headers.update(tool.headers)
        for fault_class, counts in tool.operators.items():
            operators.setdefault(fault_class, Counter()).update(counts)
    cuts = tuple(map(sum, zip(*(tool.cuts for tool in tools), strict=True)))
    header_count = sum(tool.header_count for tool in tools)
    return PayloadLaw(
        shape=None if shape is None else thinned(shape),
        cuts=cuts if any(cuts) else (),
        operators={name: dict(sorted(counts.items())) for name, counts in sorted(operators.items())},
        headers={
            name: value
            for (name, value), count in sorted(headers.items())
            if count >= _USUAL_SHARE_MIN * header_count
        },
        header_count=header_count,
    )
