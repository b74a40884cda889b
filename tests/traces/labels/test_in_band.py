import pytest

from earthwire.traces.labels.in_band import InBandError, in_band_error


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": "quota exceeded"}', InBandError("semantic_error")),
        (b' {\n "success": false, "message": "no"}', InBandError("semantic_error")),
        (b'\xef\xbb\xbf{"ok": false}', None),
        (
            b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "x"}}',
            InBandError("rpc_error", "-32603"),
        ),
        (b'{"id": 1, "error": {"message": "x"}, "jsonrpc": "2.0"}', InBandError("rpc_error")),
        (
            b'{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "no"}], "isError": true}}',
            InBandError("tool_error"),
        ),
        (
            b'{"result": {"content": [{"type": "text", "text": "Error: no such page"}]}, "jsonrpc": "2.0", "id": 1}',
            InBandError("semantic_error"),
        ),
    ],
)
def test_what_a_success_says_went_wrong(body: bytes, expected: InBandError | None):
    assert in_band_error(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"error",
        b'["error"]',
        b'{"error": "cut',
        b'{"id": 7, "status": "failed"}',
        b'{"name": "x", "error": "disk full"}',
        b'{"data": {"a": 1}, "errors": [{"message": "partial"}]}',
        b'{"error": null, "result": [1]}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "fine"}]}}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {"content": []}}',
        b'{"error": "' + b"x" * 20_000 + b'"}',
    ],
)
def test_an_answer_is_not_taken_for_an_error(body: bytes):
    assert in_band_error(body) is None
