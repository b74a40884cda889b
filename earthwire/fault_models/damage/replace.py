"""Bodies that are something else altogether, and rows that come twice."""

from earthwire.fault_models.damage.members import json_text, members
from earthwire.fault_models.damage.payload import Numbers, Operator, Payload
from earthwire.traces.labels.body_class import is_json_type

_HTML_TYPE = "text/html; charset=utf-8"
_XML_TYPE = "application/xml"
_HTML_PAGES = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"</body>\r\n</html>\r\n",
    b'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Sign in</title></head>\n<body>\n'
    b'<form method="post" action="/login"><input name="username"><input name="password" type="password">'
    b"<button>Sign in</button></form>\n</body>\n</html>\n",
    b'<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>App</title></head><body>'
    b'<noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body></html>',
)
"""A gateway's page, a login page, and the page that an application serves for every path it does not know."""

_XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InternalError</Code></Error>'
_ENVELOPES = (
    b'{"error":"Internal error"}',
    b'{"success":false,"message":"Something went wrong"}',
    b'{"status":"error","message":"Service temporarily unavailable"}',
    b'{"error":{"code":500,"message":"Internal error"}}',
)


def _expects_json(payload: Payload) -> bool:
    return is_json_type(payload.content_type) and json_text(payload.body) is not None


def _html_page(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    if not _expects_json(payload):
        return None
    return Payload(_HTML_PAGES[numbers.below(len(_HTML_PAGES))], _HTML_TYPE)


def _xml_page(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    return Payload(_XML, _XML_TYPE) if _expects_json(payload) else None


def _error_envelope(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    if not _expects_json(payload):
        return None
    return Payload(_ENVELOPES[numbers.below(len(_ENVELOPES))], payload.content_type)


def _empty(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    return Payload(b"", payload.content_type) if _expects_json(payload) else None


def _empty_container(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    if not _expects_json(payload):
        return None
    return Payload(b"{}" if payload.body.lstrip()[:1] == b"{" else b"[]", payload.content_type)


def _null(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    return Payload(b"null", payload.content_type) if _expects_json(payload) else None


def _repeat_row(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Send one object of an array twice."""
    text = json_text(payload.body)
    if text is None:
        return None
    rows = [m for m in members(text) if m.is_item and m.path.count(".") + m.path.count("[]") <= 2]
    objects = [
        row for row in rows if text[row.value_start] == "{" and text[row.value_start : row.end].strip("{} \n")
    ]
    if not objects:
        return None
    row = objects[numbers.below(len(objects))]
    again = f",{text[row.start : row.end]}"
    return Payload(
        (text[: row.end] + again + text[row.end :]).encode(), payload.content_type, payload.missing_bytes
    )


REPLACE = (
    Operator("html_page", "html_instead_of_json", _html_page),
    Operator("xml_page", "html_instead_of_json", _xml_page),
    Operator("error_envelope", "error_in_200", _error_envelope),
    Operator("empty", "empty_200", _empty),
    Operator("empty_container", "empty_200", _empty_container),
    Operator("null", "empty_200", _null),
    Operator("repeat_row", "duplicate_results", _repeat_row),
)
