import msgspec
import pytest

from earthwire.traces.labels.fault_class import STALL_NS, Observation, Usual, label_response

JSON = "application/json"


def label(
    body: bytes | None = None, content_type: str | None = JSON, **seen: object
) -> tuple[str, str | None]:
    found = label_response(Observation(**{"status": 200, "content_type": content_type, "body": body, **seen}))
    return found.fault_class, found.surface


@pytest.mark.parametrize(
    ("ended", "fault_class"),
    [
        ("silent", "timeout_pre"),
        ("refused", "conn_refused"),
        ("reset", "conn_reset"),
        ("cancelled", "cancelled"),
    ],
)
def test_calls_without_response_are_labelled_by_their_end(ended: str, fault_class: str) -> None:
    assert label(status=None, ended=ended)[0] == fault_class


def test_a_reset_in_mid_body_is_no_truncation() -> None:
    assert label(b'{"a"', ended="reset", missing_bytes=5) == ("conn_reset", "transport")


def test_a_cut_tells_its_fraction_where_both_parts_are_known() -> None:
    found = label_response(Observation(status=200, content_type=JSON, body=b"123", missing_bytes=1))
    assert (found.fault_class, found.fraction) == ("truncated_body", 0.75)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"error": {"code": -32603, "message": "x"}}, ("mcp_protocol", "protocol")),
        (
            {"result": {"isError": True, "content": [{"type": "text", "text": "rate limited"}]}},
            ("http_429", "tool"),
        ),
        ({"result": {"isError": True, "content": []}}, ("tool_error", "tool")),
        ({"result": {"content": [{"type": "text", "text": "Error: no"}]}}, ("error_in_200", "payload")),
        ({"result": {"content": []}}, ("empty_200", "payload")),
        ({"result": {"content": [{"type": "text", "text": "fine"}]}}, ("ok", None)),
        ({"result": {"tools": []}}, ("ok", None)),
    ],
)
def test_json_rpc_tells_where_the_fault_surfaces(
    result: dict[str, object], expected: tuple[str, str | None]
) -> None:
    assert label(msgspec.json.encode({"jsonrpc": "2.0", "id": 1, **result})) == expected


def test_errors_of_language_models_have_a_class_of_their_own() -> None:
    body = b'{"error":{"type":"insufficient_quota"}}'
    assert label(body, status=429) == ("llm_api", "transport")
    assert label(body) == ("llm_api", "payload")


def test_json_under_another_type_is_no_fault_of_a_tool_that_always_does_so() -> None:
    seen = Observation(status=200, content_type="Text/Plain; charset=x", body=b"{}")
    assert label_response(seen).fault_class == "wrong_content_type"
    assert label_response(seen, Usual(content_types=frozenset(["text/plain"]))).fault_class == "ok"


def test_json_lines_and_empty_204_are_fine() -> None:
    assert label(b'{"a":1}\n{"a":2}\n')[0] == "ok"
    assert label(b"", status=204)[0] == "ok"
    assert label(b"")[0] == "empty_200"


def test_a_long_gap_is_a_stall() -> None:
    assert label(b"{}", stall_ns=STALL_NS)[0] == "slow_drip"
    assert label(b"{}", stall_ns=STALL_NS - 1)[0] == "ok"
