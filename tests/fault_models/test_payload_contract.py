"""The contract of all operators of damage: the classifier gives back the class that was injected."""

import json
import string
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from earthwire.fault_models.damage import OPERATORS, Numbers, Payload, damaged
from earthwire.traces.labels.fault_class import NOT_VISIBLE, Observation, Usual, label_response
from earthwire.traces.labels.json_shape import BODIES_MIN, add_shapes, shape_of
from earthwire.traces.labels.label import FAULT_CLASSES, HiddenClass

JSON = "application/json"

OBJECT = b'{"id": 7, "name": "M\xc3\xbcller", "tags": ["a", "b"], "nested": {"ok": true, "ratio": 0.5}}'
ROWS = b'[{"id":1,"label":"\xe2\x82\xac 5"},{"id":2,"label":"x"}]'
CHAT = b'id: 1\ndata: {"choices":[]}\n\nid: 2\ndata: {"choices":[1]}\n\nid: 3\ndata: [DONE]\n\n'
PAGE = b'{"rows": [{"id": 1}, {"id": 2}, {"id": 3}], "next_cursor": "abc"}'
ROWS_OF_YESTERDAY = b'{"rows": [{"id": 1}, {"id": 2}], "next_cursor": "abc"}'
WITNESSES = {
    **dict.fromkeys(OPERATORS, Payload(OBJECT, JSON)),
    "repeat_row": Payload(ROWS, JSON),
    "sse_disconnect": Payload(CHAT, "text/event-stream"),
    "sse_error": Payload(CHAT, "text/event-stream"),
    "sse_repeat_event": Payload(CHAT, "text/event-stream"),
    "partial_rows": Payload(PAGE, JSON),
    "empty_rows": Payload(PAGE, JSON),
    "lost_cursor": Payload(PAGE, JSON),
    "oversize": Payload(PAGE, JSON),
    "stale": Payload(PAGE, JSON, earlier=ROWS_OF_YESTERDAY),
}
"""One good body for each operator that it cannot but damage."""

NOT_INJECTED = {
    "ok",
    "unknown",
    "cancelled",
    "http_5xx",
    "http_429",
    "auth_401_403",
    "client_4xx",
    "timeout_pre",
    "conn_refused",
    "conn_reset",
    "slow_drip",
    "llm_api",
    "mcp_protocol",
    "tool_error",
}
"""Classes that are no damage to a body: no fault, a status, a connection, a pace, or a body recorded as it is."""

HIDDEN = set(get_args(HiddenClass))

KEYS = st.text(string.ascii_lowercase + "é日.[~", min_size=1, max_size=6).map(lambda key: f"k_{key}")
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
STYLES = st.sampled_from([(None, (",", ":"), False), (None, (", ", ": "), True), (2, (",", ": "), False)])


@st.composite
def json_payloads(draw: st.DrawFn) -> Payload:
    indent, separators, ensure_ascii = draw(STYLES)
    value = draw(st.lists(VALUES, max_size=5) | st.dictionaries(KEYS, VALUES, max_size=6))
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ensure_ascii)
    end = draw(st.sampled_from(["", "\n"]))
    return Payload(
        (text + end).encode(), draw(st.sampled_from([JSON, "application/problem+json; charset=utf-8"]))
    )


@st.composite
def stream_payloads(draw: st.DrawFn) -> Payload:
    texts = draw(st.lists(TEXTS, max_size=5))
    ids = draw(st.booleans())
    frames = [
        (f"id: {i}\n" if ids else "") + f"data: {json.dumps({'choices': [text]})}\n\n"
        for i, text in enumerate(texts)
    ]
    return Payload(("".join(frames) + "data: [DONE]\n\n").encode(), "text/event-stream")


OTHERS = {
    "empty": Payload(b"", JSON),
    "no type": Payload(b"", None),
    "text": Payload(b"plain words", "text/plain"),
    "binary": Payload(bytes(range(256)) * 4, "application/octet-stream"),
    "image": Payload(b"\x89PNG\r\n\x1a\n" + bytes(64), "image/png"),
    "json lines": Payload(b'{"a":1}\n{"a":2}\n', "application/x-ndjson"),
    "large": Payload(json.dumps([{"id": i, "text": "größer " * 9} for i in range(400)]).encode(), JSON),
    "deep": Payload(b"[" * 2000 + b"]" * 2000, JSON),
}
PAYLOADS = json_payloads() | stream_payloads() | st.sampled_from(sorted(OTHERS)).map(OTHERS.__getitem__)
UNIFORMS = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True)
NAMES = st.sampled_from(sorted(OPERATORS))
generous = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def usual_of(good: Payload) -> Usual:
    """What the classifier knows of a tool that has answered with this body before."""
    try:
        shape = shape_of(msgspec.json.decode(good.body))
    except (msgspec.DecodeError, RecursionError):
        return Usual()
    return Usual(is_json=True, shape=add_shapes([shape] * BODIES_MIN))


def expected_label(name: str) -> str:
    """What no response shows must not show: it is labelled as a good one."""
    fault_class = OPERATORS[name].fault_class
    return "ok" if fault_class in HIDDEN else fault_class


def seen(payload: Payload) -> Observation:
    return Observation(
        status=200,
        content_type=payload.content_type,
        body=payload.body,
        missing_bytes=payload.missing_bytes,
    )


@generous
@given(good=PAYLOADS, name=NAMES, u=UNIFORMS)
@example(good=Payload(b'{"k_[":null}', JSON), name="drift_missing", u=0.5)
def test_the_label_of_an_injected_fault_is_that_fault(good: Payload, name: str, u: float) -> None:
    usual = usual_of(good)
    assume(label_response(seen(good), usual).fault_class == "ok")
    result = damaged(good, name, u)
    if result is not None:
        assert label_response(seen(result), usual).fault_class == expected_label(name)


@generous
@given(good=PAYLOADS, name=NAMES, u=UNIFORMS)
def test_the_same_number_gives_the_same_bytes_and_leaves_the_input_alone(
    good: Payload, name: str, u: float
) -> None:
    before = msgspec.structs.replace(good, body=bytes(bytearray(good.body)))
    first = damaged(good, name, u)
    assert damaged(good, name, u) == first
    assert good == before
    assert first != good


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_does_what_it_is_named_for(name: str) -> None:
    good = WITNESSES[name]
    result = OPERATORS[name].damage(good, Numbers(0.3), None)
    assert result is not None
    found = label_response(seen(result), usual_of(good))
    assert found.fault_class == expected_label(name)
    assert found.surface in ("payload", "transport") or found.fault_class == "ok"


def test_every_class_is_injected_or_listed_as_something_else() -> None:
    injected = {operator.fault_class for operator in OPERATORS.values()} - HIDDEN
    assert injected | NOT_INJECTED == set(FAULT_CLASSES)
    assert not injected & NOT_INJECTED
    assert not set(NOT_VISIBLE) & set(FAULT_CLASSES)
    assert set(NOT_VISIBLE) >= HIDDEN


def test_operators_of_the_registry_are_under_their_own_name() -> None:
    assert all(name == operator.name for name, operator in OPERATORS.items())


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 401, 403, 400, 404])
def test_error_responses_are_labelled_by_their_status(status: int) -> None:
    expected = {429: "http_429", 401: "auth_401_403", 403: "auth_401_403"}
    fault_class = expected.get(status, "http_5xx" if status >= 500 else "client_4xx")
    found = label_response(Observation(status=status, content_type=JSON, body=b'{"error":"x"}'))
    assert (found.fault_class, found.surface) == (fault_class, "transport")
