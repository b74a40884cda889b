import pytest

from earthwire.traces.labels.body_class import classify_body, is_json_lines, is_json_type


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", "application/json", "empty"),
        (b" \r\n", None, "empty"),
        (b'{"a": 1}', "application/json", "json_object"),
        (b"[]", None, "json_array"),
        (b"42", "application/json", "json_scalar"),
        (b"42", "text/plain", "text"),
        (b'{"a": 1', "application/json", "invalid_json"),
        (b'{"a": 1', None, "invalid_json"),
        (b'{"a": 1', "text/plain", "text"),
        (b'\xef\xbb\xbf{"a": 1}', "application/json", "invalid_json"),
        (b"{'a': 1}", "application/problem+json", "invalid_json"),
        (b"upstream connect error", "application/json", "invalid_json"),
        (b"<!DOCTYPE html><html></html>", "application/json", "html"),
        (b"<div>gateway</div>", "text/html", "html"),
        (b'<?xml version="1.0"?><Error/>', "application/xml", "xml"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "application/json", "xml"),
        (b"data: 1\n\n", "text/event-stream", "sse"),
        (b"event: message\ndata: {}\n\n", None, "sse"),
        (b'{"error": "overloaded"}', "text/event-stream", "json_object"),
        ("grüß".encode(), "text/plain", "text"),
        ("grüß".encode()[:-1], "text/plain", "text"),
        (b"\x89PNG\x00", "image/png", "binary"),
        (b"\xff\xfe\x01", None, "binary"),
        (b"plain", "application/octet-stream", "binary"),
        (b"[" * 5000, "application/json", "invalid_json"),
    ],
)
def test_a_body_is_what_its_bytes_are(body: bytes, content_type: str | None, expected: str) -> None:
    assert classify_body(body, content_type) == expected


def test_json_lines_are_several_values() -> None:
    assert is_json_lines(b'{"a":1}\n{"a":2}\n')
    assert not is_json_lines(b'{"a":1}')
    assert not is_json_lines(b'{"a":1}\n{"a":')


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.api+json;v=1", "text/json"])
def test_json_types(content_type: str) -> None:
    assert is_json_type(content_type)
    assert not is_json_type(None)
