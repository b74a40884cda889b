"""What becomes of a model's answer, in three forms, whole and streamed: the stream is changed as its whole form is."""

import json
from typing import Any

import pytest

from earthwire.fault_models.action import (
    CarriedOn,
    Decoy,
    HiddenTurns,
    Listing,
    Passed,
    after_answer,
    assembled,
    carried_on,
    model_calls,
    model_form,
    restored,
    stream_bytes,
    stream_events,
    stream_with_names,
    stream_without,
    with_names,
    without_calls,
)
from earthwire.fault_models.observation.json_text import read_json, write_json

FORMS: list[Any] = ["openai_chat", "openai_responses", "anthropic"]
DECOYS = {
    "look": Decoy("look", "synonym", "read", False),
    "read_v2": Decoy("read_v2", "suffix", "read", False),
}
Json = dict[str, Any]

every_form = pytest.mark.parametrize("form", FORMS)


def sse(values: list[Json], ending: str = "\n") -> bytes:
    texts = [
        f"event: {one.get('type', 'm')}{ending}data: {json.dumps(one)}{ending}{ending}" for one in values
    ]
    return "".join(texts).encode()


def whole(form: str, names: list[str]) -> Json:
    """An answer that says something and calls tools."""
    match form:
        case "openai_chat":
            calls = [
                {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": '{"n":1.50}'}}
                for i, name in enumerate(names)
            ]
            message: Json = {"role": "assistant", "content": "hm"} | ({"tool_calls": calls} if calls else {})
            return {
                "choices": [
                    {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
                ]
            }
        case "openai_responses":
            said = {"type": "message", "id": "m", "role": "assistant", "content": []}
            items = [
                {"type": "function_call", "id": f"f{i}", "call_id": f"c{i}", "name": name, "arguments": "{}"}
                for i, name in enumerate(names)
            ]
            return {"id": "r", "output": [said, *items], "tools": []}
    blocks = [
        {"type": "tool_use", "id": f"c{i}", "name": name, "input": {"n": 1.5}} for i, name in enumerate(names)
    ]
    content = [{"type": "text", "text": "hm"}, *blocks]
    return {
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": "tool_use" if names else "end_turn",
    }


def streamed(form: str, names: list[str]) -> bytes:
    answer = whole(form, names)
    match form:
        case "openai_chat":
            message = answer["choices"][0]["message"]
            deltas: list[Json] = [{"role": "assistant", "content": "h"}, {"content": "m"}]
            for index, call in enumerate(message.get("tool_calls", [])):
                arguments = call["function"]["arguments"]
                begin = {**call, "index": index, "function": {**call["function"], "arguments": arguments[:3]}}
                deltas.append({"tool_calls": [begin]})
                deltas.append({"tool_calls": [{"index": index, "function": {"arguments": arguments[3:]}}]})
            chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
            finish = answer["choices"][0]["finish_reason"]
            chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
            return sse([*chunks, {"choices": [], "usage": {"prompt_tokens": 1}}]) + b"data: [DONE]\n\n"
        case "openai_responses":
            events: list[Json] = [{"type": "response.created", "response": {}}]
            for index, item in enumerate(answer["output"]):
                events.append({"type": "response.output_item.added", "output_index": index, "item": item})
                if item["type"] == "function_call":
                    events.append(
                        {
                            "type": "response.function_call_arguments.done",
                            "output_index": index,
                            "name": item["name"],
                        }
                    )
                events.append({"type": "response.output_item.done", "output_index": index, "item": item})
            events.append({"type": "response.completed", "response": answer})
            return sse([{**event, "sequence_number": number} for number, event in enumerate(events)], "\r\n")
    events = [{"type": "message_start", "message": {**answer, "content": [], "stop_reason": None}}]
    for index, block in enumerate(answer["content"]):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        if block["type"] == "text":
            deltas = [{"type": "text_delta", "text": letter} for letter in block["text"]]
        else:
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"n": ', "1.5}")]
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": answer["stop_reason"]}})
    return sse([*events, {"type": "ping"}, {"type": "message_stop"}])


def plain(value: object) -> Any:
    return json.loads(write_json(value))


def put_together(form: Any, body: bytes) -> Any:
    answer = assembled(form, stream_events(body))
    assert answer is not None
    return plain(answer)


NAMES = [[], ["read"], ["look"], ["look", "read"], ["read", "look", "read_v2", "read"]]


@every_form
@pytest.mark.parametrize("names", NAMES)
def test_a_stream_is_put_together_to_its_answer(form: Any, names: list[str]) -> None:
    answer = put_together(form, streamed(form, names))
    assert answer == whole(form, names)
    assert [(call.id, call.name) for call in model_calls(form, read_json(write_json(answer)))] == [
        (f"c{i}", name) for i, name in enumerate(names)
    ]


@every_form
@pytest.mark.parametrize("names", NAMES[2:])
def test_a_stream_loses_calls_as_its_answer_does(form: Any, names: list[str]) -> None:
    answer, body = whole(form, names), streamed(form, names)
    places = [call.place for call in model_calls(form, answer) if call.name in DECOYS]
    own = [name for name in names if name not in DECOYS]
    left = without_calls(form, answer, places)
    assert [call.name for call in model_calls(form, left)] == own
    changed = stream_bytes(stream_without(form, stream_events(body), places, bool(own)))
    assert put_together(form, changed) == left
    assert not any(f'"{name}"'.encode() in changed for name in DECOYS)
    assert left == (whole(form, []) if not own else left)


@every_form
def test_numbers_of_what_is_left_have_no_gaps(form: Any) -> None:
    events = stream_events(streamed(form, ["look", "read"]))
    answer = whole(form, ["look", "read"])
    places = [call.place for call in model_calls(form, answer) if call.name in DECOYS]
    values = [event.value for event in stream_without(form, events, places, True) if event.value is not None]
    numbers = [plain(value["sequence_number"]) for value in values if "sequence_number" in value]
    assert numbers == list(range(len(numbers)))
    indexes = {plain(value[key]) for value in values for key in ("index", "output_index") if key in value}
    assert indexes == (set() if form == "openai_chat" else {0, 1})


@every_form
@pytest.mark.parametrize("names", NAMES[2:])
def test_a_stream_gets_names_as_its_answer_does(form: Any, names: list[str]) -> None:
    answer, body = whole(form, names), streamed(form, names)
    by_place = {call.place: "read" for call in model_calls(form, answer) if call.name in DECOYS}
    changed = stream_bytes(stream_with_names(form, stream_events(body), by_place))
    assert (
        put_together(form, changed)
        == with_names(form, answer, by_place)
        == whole(form, ["read"] * len(names))
    )
    assert b"look" not in changed


@every_form
def test_events_that_are_not_concerned_stay_byte_by_byte(form: Any) -> None:
    body = b": hello\n\nid: 7\ndata: [1,\ndata: 2]\n\n" + streamed(form, ["read"])
    events = stream_events(body)
    assert stream_bytes(events) == body
    assert stream_bytes(stream_without(form, events, [99], True)) == body
    assert stream_bytes(stream_with_names(form, events, {99: "x"})) == body


@every_form
def test_a_stream_that_is_cut_or_strange_is_not_put_together(form: Any) -> None:
    events = stream_events(streamed(form, ["look"]))
    for count in range(len(events) - (3 if form == "openai_chat" else 1)):
        assert assembled(form, events[:count]) is None
    assert assembled(form, []) is None


@pytest.mark.parametrize(
    "piece",
    [
        {"index": 1, "id": "a", "function": {"name": "look", "arguments": ""}},
        {"id": "a", "function": {"name": "look", "arguments": ""}},
        {"index": 0, "id": "a"},
        {"index": -1, "id": "a", "function": {}},
        {"index": 10**12, "id": "a", "function": {}},
        "text",
    ],
)
def test_pieces_of_calls_that_belong_nowhere_leave_a_stream_alone(piece: object) -> None:
    chunks: list[Json] = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    assert assembled("openai_chat", stream_events(sse(chunks))) is None


def test_two_calls_under_one_number_leave_a_stream_alone() -> None:
    pieces = [{"index": 0, "id": name, "function": {"name": name, "arguments": ""}} for name in ("a", "b")]
    chunks: list[Json] = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": "tool_calls"}]}
        for piece in pieces
    ]
    assert assembled("openai_chat", stream_events(sse(chunks))) is None


def test_several_choices_are_no_answer_of_one_conversation() -> None:
    answer = whole("openai_chat", ["look"])
    assert model_calls("openai_chat", {"choices": answer["choices"] * 2}) == []
    chunk = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    assert assembled("openai_chat", stream_events(sse([chunk]))) is None


@every_form
@pytest.mark.parametrize(
    "strange", [None, [], {}, {"choices": [None]}, {"output": [5]}, {"content": [{"type": "tool_use"}]}]
)
def test_what_is_no_answer_has_no_calls(form: Any, strange: object) -> None:
    assert model_calls(form, strange) == []


def test_thoughts_and_citations_come_back_with_their_signatures() -> None:
    events = [
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "so"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "xyz"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "citations_delta", "citation": {"n": 1}},
        },
        {"type": "message_stop"},
    ]
    answer = put_together("anthropic", sse(events))
    assert answer["content"] == [
        {"type": "thinking", "thinking": "so", "signature": "xyz"},
        {"type": "text", "text": "", "citations": [{"n": 1}]},
    ]


def request_of(form: str) -> Json:
    turns = {"openai_responses": {"input": "Hello"}}.get(
        form, {"messages": [{"role": "user", "content": "Hello"}]}
    )
    return {"model": "m", **turns}


def listing(form: Any, answer: Any = "refuse") -> Listing:
    return Listing(form, DECOYS, answer)


@every_form
@pytest.mark.parametrize("is_stream", [False, True])
def test_an_answer_without_decoys_passes_as_it_came(form: Any, is_stream: bool) -> None:
    body = streamed(form, ["read"]) if is_stream else json.dumps(whole(form, ["read"])).encode()
    assert after_answer(listing(form), request_of(form), body, is_stream, True) == Passed(own=("c0",))
    assert after_answer(listing(form), request_of(form), b"no JSON", is_stream, True) == Passed()


@every_form
@pytest.mark.parametrize("is_stream", [False, True])
def test_nothing_but_decoys_is_carried_on_until_it_may_not(form: Any, is_stream: bool) -> None:
    body = (
        streamed(form, ["look", "read_v2"])
        if is_stream
        else json.dumps(whole(form, ["look", "read_v2"])).encode()
    )
    found = after_answer(listing(form), request_of(form), body, is_stream, True)
    assert isinstance(found, CarriedOn)
    assert found.called == 2
    assert json.loads(found.body) == plain(found.request)
    texts = found.body.decode()
    assert texts.index('"Hello"') < texts.index("look is not enabled") < texts.index("read_v2 is not enabled")
    last = after_answer(listing(form), request_of(form), body, is_stream, False)
    assert isinstance(last, Passed)
    assert last.body is not None
    assert (last.called, last.own) == (2, ())
    assert (put_together(form, last.body) if is_stream else json.loads(last.body)) == whole(form, [])


@every_form
@pytest.mark.parametrize("names", [["look", "read"], ["read", "look"], ["read", "look", "read", "read_v2"]])
def test_a_turn_that_comes_back_is_whole_again(form: Any, names: list[str]) -> None:
    """What the client sends back after it got its own calls is what the model would have got without any decoy."""
    answer = whole(form, names)
    body = json.dumps(answer).encode()
    found = after_answer(listing(form), request_of(form), body, False, True)
    assert isinstance(found, Passed)
    assert found.body is not None
    seen = json.loads(found.body)
    own = model_calls(form, seen)
    client = plain(carried_on(form, request_of(form), seen, own, ["done"] * len(own)))
    earlier = HiddenTurns(found.hidden.calls, found.hidden.results, ({"role": "x", "content": "before"},))
    back = plain(restored(form, client, dict.fromkeys(found.own, earlier)))
    turns = back["input" if form == "openai_responses" else "messages"]
    assert turns[1] == {"role": "x", "content": "before"}
    whole_turn = plain(
        carried_on(form, request_of(form), answer, model_calls(form, answer), [""] * len(names))
    )
    expected = whole_turn["input" if form == "openai_responses" else "messages"]
    if form == "openai_responses":
        calls = [item for item in turns if item.get("type") == "function_call"]
        assert calls == [item for item in expected if item.get("type") == "function_call"]
        results = {item["call_id"] for item in turns if item.get("type") == "function_call_output"}
    else:
        assert turns[2] == expected[1]
        blocks = turns[3:] if form == "openai_chat" else turns[3]["content"]
        results = {block.get("tool_call_id") or block.get("tool_use_id") for block in blocks}
    assert results == {f"c{i}" for i in range(len(names))}


@every_form
def test_conversations_that_hide_nothing_stay_as_they_are(form: Any) -> None:
    request = request_of(form)
    hidden = {"other": HiddenTurns()}
    assert restored(form, request, {}) is request
    assert restored(form, request, hidden) is request
    strange: Json = {
        "input": [5, None],
        "messages": ["x", {"role": "assistant", "content": [None, {"id": 5}]}],
    }
    assert restored(form, strange, hidden) == strange


def test_reasoning_that_the_server_does_not_keep_is_not_sent_back() -> None:
    thoughts: list[Json] = [
        {"type": "reasoning", "id": "1"},
        {"type": "reasoning", "id": "2", "encrypted_content": "x"},
    ]
    answer = {"output": [*thoughts, *whole("openai_responses", ["look"])["output"]]}
    calls = model_calls("openai_responses", answer)
    for store, kept in ((True, ["1", "2"]), (False, ["2"])):
        request = {**request_of("openai_responses"), "store": store}
        items = plain(carried_on("openai_responses", request, answer, calls, [""]))["input"]
        assert [item["id"] for item in items if item.get("type") == "reasoning"] == kept


def test_a_name_that_cannot_be_written_leaves_the_answer_alone() -> None:
    body = json.dumps(whole("anthropic", ["look"])).replace('"hm"', '"\\ud800"').encode()
    assert after_answer(listing("anthropic"), request_of("anthropic"), body, False, True) == Passed(called=1)


@pytest.mark.parametrize(
    ("request_", "form"),
    [
        ({"tools": [{"type": "function", "function": {"name": "a"}}], "messages": []}, "openai_chat"),
        ({"tools": [{"type": "function", "name": "a"}], "input": "x"}, "openai_responses"),
        ({"tools": [{"name": "a", "input_schema": {}}, {"type": "web_search"}], "messages": []}, "anthropic"),
        ({"tools": [{"name": "a", "inputSchema": {}}], "messages": []}, None),
        ({"tools": [{"name": "a", "input_schema": {}}], "input": []}, None),
        (
            {"tools": [{"name": "a", "input_schema": {}}, {"type": "function", "name": "b"}], "messages": []},
            None,
        ),
        ({"tools": [], "messages": []}, None),
        ([], None),
    ],
)
def test_the_form_of_a_request_is_that_of_its_tools_and_turns(request_: object, form: str | None) -> None:
    assert model_form(request_) == form
