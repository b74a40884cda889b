import msgspec
import pytest

from earthwire.traces.labels.error_envelope import is_error_envelope, llm_error_type, may_be_error_envelope

ENVELOPES = [
    b'{"error":"quota exceeded"}',
    b'{"error":{"code":500,"message":"x"}}',
    b'{"success":false,"message":"no"}',
    b'{"ok":false,"error":"not_authed"}',
    b'{"status":"Failure","code":7}',
    b'{"data":null,"errors":[{"message":"x"}]}',
]
GOOD = [
    b'{"id":7,"status":"failed","error":"disk full"}',
    b'{"data":{"a":1},"errors":[{"message":"partial"}]}',
    b'{"error":null,"result":[1]}',
    b'{"error":{},"message":"fine"}',
    b'{"status":"ok"}',
    b"[]",
    b"{}",
]


def decoded(body: bytes) -> object:
    return msgspec.json.decode(body)


@pytest.mark.parametrize("body", ENVELOPES)
def test_what_says_only_error_is_an_envelope(body: bytes) -> None:
    assert is_error_envelope(decoded(body))
    assert may_be_error_envelope(body)


@pytest.mark.parametrize("body", GOOD)
def test_what_holds_an_answer_is_none(body: bytes) -> None:
    assert not is_error_envelope(decoded(body))


def test_types_of_language_model_errors_are_known_by_name() -> None:
    assert llm_error_type({"type": "error", "error": {"type": "overloaded_error"}}) == "overloaded_error"
    assert (
        llm_error_type({"error": {"type": "x", "code": "context_length_exceeded"}})
        == "context_length_exceeded"
    )
    assert llm_error_type({"error": "overloaded_error"}) is None
