"""Calls of tools in the answer of a model: OpenAI's (chat completions and responses) and Anthropic's (messages).

A call has a *place*: its position among the calls of a chat completion, among the items of a response, or among the
blocks of a message. Streams number their pieces in the same way. Answers are decoded by
`earthwire.fault_models.observation.json_text.read_json`, and left as they are.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

import msgspec

from earthwire.fault_models.action.tool_list import listed_tool

ModelForm = Literal["openai_chat", "openai_responses", "anthropic"]
JsonObject = dict[str, object]


class ModelCall(msgspec.Struct, frozen=True):
    """One call of a tool.

    Attributes:
        place: in the answer.
        id: that its result refers to.
        name: of the tool.
        entry: as it is written.
    """

    place: int
    id: str
    name: str
    entry: JsonObject


def model_form(request: object) -> ModelForm | None:
    """Return the form of a request to a model, by its tools and turns; None if they are in no known form."""
    entries = request.get("tools") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(entries, list):
        return None
    forms = {tool.form for tool in map(listed_tool, entries) if tool is not None}
    if len(forms) != 1:
        return None
    form = forms.pop()
    if form == "mcp":
        return None
    turns = request.get("input" if form == "openai_responses" else "messages")
    return (
        form if isinstance(turns, list) or (form == "openai_responses" and isinstance(turns, str)) else None
    )


def model_calls(form: ModelForm, answer: object) -> list[ModelCall]:
    """Return the calls of an answer; none of what is no answer of that form, or is several answers at once."""
    return [call for call in _calls(form, answer) if call is not None]


def without_calls(form: ModelForm, answer: JsonObject, places: Collection[int]) -> JsonObject:
    """Return an answer without some of its calls; one that has none left has ended as an answer without calls does."""
    match form:
        case "openai_chat":
            return _with_choice(answer, _choice_without(answer, places))
        case "openai_responses":
            return {**answer, "output": _kept(answer["output"], places)}
        case "anthropic":
            content = _kept(answer["content"], places)
            left: JsonObject = {**answer, "content": content}
            return left if model_calls(form, left) else {**left, "stop_reason": "end_turn"}


def with_names(form: ModelForm, answer: JsonObject, names: Mapping[int, str]) -> JsonObject:
    """Return an answer in which the calls at some places go to tools of other names."""
    entries = {
        call.place: with_name(form, call.entry, names[call.place]) for call in _named(form, answer, names)
    }
    match form:
        case "openai_chat":
            choice = _choice(answer)
            assert choice is not None, "it has calls"
            message = choice["message"]
            assert isinstance(message, dict), "it has calls"
            calls = _replaced(message["tool_calls"], entries)
            return _with_choice(answer, {**choice, "message": {**message, "tool_calls": calls}})
        case "openai_responses":
            return {**answer, "output": _replaced(answer["output"], entries)}
        case "anthropic":
            return {**answer, "content": _replaced(answer["content"], entries)}


def with_name(form: ModelForm, entry: JsonObject, name: str) -> JsonObject:
    """Return a call, or the beginning of one in a stream, of a tool of another name."""
    if form != "openai_chat":
        return {**entry, "name": name}
    function = entry["function"]
    assert isinstance(function, dict), "a call of this form has one"
    return {**entry, "function": {**function, "name": name}}


def _named(form: ModelForm, answer: JsonObject, names: Mapping[int, str]) -> list[ModelCall]:
    return [call for call in model_calls(form, answer) if call.place in names]


def _calls(form: ModelForm, answer: object) -> Iterator[ModelCall | None]:
    if not isinstance(answer, dict):
        return
    match form:
        case "openai_chat":
            choice = _choice(answer)
            message = None if choice is None else choice.get("message")
            entries = message.get("tool_calls") if isinstance(message, dict) else None
            for place, entry in enumerate(entries if isinstance(entries, list) else []):
                function = entry.get("function") if isinstance(entry, dict) else None
                yield _call(place, entry, "id", function)
        case "openai_responses":
            entries = answer.get("output")
            for place, entry in enumerate(entries if isinstance(entries, list) else []):
                if isinstance(entry, dict) and entry.get("type") == "function_call":
                    yield _call(place, entry, "call_id", entry)
        case "anthropic":
            entries = answer.get("content")
            for place, entry in enumerate(entries if isinstance(entries, list) else []):
                if isinstance(entry, dict) and entry.get("type") == "tool_use":
                    yield _call(place, entry, "id", entry)


def _call(place: int, entry: object, id_key: str, named: object) -> ModelCall | None:
    if not isinstance(entry, dict) or not isinstance(named, dict):
        return None
    call_id, name = entry.get(id_key), named.get("name")
    if not isinstance(call_id, str) or not isinstance(name, str):
        return None
    return ModelCall(place, call_id, name, entry)


def _choice(answer: JsonObject) -> JsonObject | None:
    """Return the only choice of a chat completion."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    return choices[0]


def _choice_without(answer: JsonObject, places: Collection[int]) -> JsonObject:
    choice = _choice(answer)
    assert choice is not None, "only an answer with calls loses some"
    message = choice["message"]
    assert isinstance(message, dict), "it has calls"
    calls = _kept(message["tool_calls"], places)
    if calls:
        return {**choice, "message": {**message, "tool_calls": calls}}
    rest = {name: value for name, value in message.items() if name != "tool_calls"}
    # An answer without calls has a text, if only an empty one.
    text = rest.get("content") or ""
    return {**choice, "message": {**rest, "content": text}, "finish_reason": "stop"}


def _with_choice(answer: JsonObject, choice: JsonObject) -> JsonObject:
    return {**answer, "choices": [choice]}


def _kept(entries: object, places: Collection[int]) -> list[object]:
    assert isinstance(entries, list), "it held the calls"
    return [entry for place, entry in enumerate(entries) if place not in places]


def _replaced(entries: object, by_place: Mapping[int, JsonObject]) -> list[object]:
    assert isinstance(entries, list), "it held the calls"
    return [by_place.get(place, entry) for place, entry in enumerate(entries)]
