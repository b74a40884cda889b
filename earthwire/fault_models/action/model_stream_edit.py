"""Changes to the calls in a streamed answer of a model, event by event; what is not concerned stays byte by byte."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from earthwire.fault_models.action.model_answer import (
    JsonObject,
    ModelForm,
    with_name,
    with_names,
    without_calls,
)
from earthwire.fault_models.action.model_stream import RESPONSE_ENDS, StreamEvent, deltas_of, piece_number


def stream_without(
    form: ModelForm, events: Sequence[StreamEvent], places: Collection[int], has_calls_left: bool
) -> list[StreamEvent]:
    """Return a stream without some of its calls, the others numbered anew.

    Args:
        form: of the answer.
        events: of the stream.
        places: of the calls that go.
        has_calls_left: the answer keeps other calls.
    """
    gone, in_order = frozenset(places), sorted(places)

    def moved(place: int) -> int:
        return place - bisect_left(in_order, place)

    def changed(value: JsonObject) -> JsonObject | None:
        match form:
            case "openai_chat":
                return _chunk_without(value, gone, moved, has_calls_left)
            case "openai_responses":
                return _item_event_without(value, gone, moved)
            case "anthropic":
                return _block_event_without(value, gone, moved, has_calls_left)

    left = list(_changed(events, changed))
    return _renumbered(left) if form == "openai_responses" else left


def stream_with_names(
    form: ModelForm, events: Sequence[StreamEvent], names: Mapping[int, str]
) -> list[StreamEvent]:
    """Return a stream in which the calls at some places go to tools of other names."""

    def changed(value: JsonObject) -> JsonObject:
        match form:
            case "openai_chat":
                return _chunk_with_calls(value, lambda entry: _chunk_call_named(entry, names))
            case "openai_responses":
                return _item_event_named(value, names)
            case "anthropic":
                block = value.get("content_block")
                name = names.get(piece_number(value.get("index")))
                if name is None or not isinstance(block, dict):
                    return value
                return {**value, "content_block": with_name("anthropic", block, name)}

    return list(_changed(events, changed))


def _changed(
    events: Sequence[StreamEvent], change: Callable[[JsonObject], JsonObject | None]
) -> Iterator[StreamEvent]:
    """Yield events as a function changes their data; where it gives None they go."""
    for event in events:
        if event.value is None:
            yield event
            continue
        value = change(event.value)
        if value is not None:
            yield event if value is event.value else event.with_value(value)


def _chunk_without(
    value: JsonObject, places: Collection[int], moved: Callable[[int], int], has_calls_left: bool
) -> JsonObject | None:
    def kept(entry: JsonObject) -> JsonObject | None:
        place = piece_number(entry.get("index"))
        if place in places:
            return None
        return entry if moved(place) == place else {**entry, "index": moved(place)}

    changed = _chunk_with_calls(value, kept)
    if has_calls_left:
        return None if changed is not value and _says_nothing(changed) else changed
    return _chunk_ended(changed)


def _chunk_with_calls(value: JsonObject, change: Callable[[JsonObject], JsonObject | None]) -> JsonObject:
    """Return a chunk of a chat completion whose pieces of calls are changed; None drops one."""
    choices = value.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return value
    delta = choices[0].get("delta")
    entries = delta.get("tool_calls") if isinstance(delta, dict) else None
    if not isinstance(delta, dict) or not isinstance(entries, list):
        return value
    pieces = [change(entry) if isinstance(entry, dict) else entry for entry in entries]
    left = [piece for piece in pieces if piece is not None]
    if left == entries:
        return value
    rest = {name: part for name, part in delta.items() if name != "tool_calls"}
    new_delta = {**rest, "tool_calls": left} if left else rest
    return {**value, "choices": [{**choices[0], "delta": new_delta}]}


def _chunk_call_named(entry: JsonObject, names: Mapping[int, str]) -> JsonObject:
    name, function = names.get(piece_number(entry.get("index"))), entry.get("function")
    is_begin = isinstance(function, dict) and isinstance(function.get("name"), str)
    return entry if name is None or not is_begin else with_name("openai_chat", entry, name)


def _says_nothing(value: JsonObject) -> bool:
    return all(not delta and choice.get("finish_reason") is None for delta, choice in deltas_of([value]))


def _chunk_ended(value: JsonObject) -> JsonObject:
    """Return a chunk of an answer that has no calls left."""
    if all(choice.get("finish_reason") != "tool_calls" for _, choice in deltas_of([value])):
        return value
    choices = value["choices"]
    assert isinstance(choices, list), "it has a choice that ended"
    ended = [{**one, "finish_reason": "stop"} if isinstance(one, dict) else one for one in choices]
    return {**value, "choices": ended}


def _whole_response(value: JsonObject) -> JsonObject | None:
    """Return the response that an event ends with; None for any other event."""
    response = value.get("response") if value.get("type") in RESPONSE_ENDS else None
    return response if isinstance(response, dict) and isinstance(response.get("output"), list) else None


def _with_response(value: JsonObject, response: JsonObject) -> JsonObject:
    return value if response == value["response"] else {**value, "response": response}


def _item_event_without(
    value: JsonObject, places: Collection[int], moved: Callable[[int], int]
) -> JsonObject | None:
    place = piece_number(value.get("output_index"))
    if place in places:
        return None
    response = _whole_response(value)
    if response is not None:
        return _with_response(value, without_calls("openai_responses", response, places))
    return value if place < 0 or moved(place) == place else {**value, "output_index": moved(place)}


def _item_event_named(value: JsonObject, names: Mapping[int, str]) -> JsonObject:
    response = _whole_response(value)
    if response is not None:
        return _with_response(value, with_names("openai_responses", response, names))
    name, item = names.get(piece_number(value.get("output_index"))), value.get("item")
    if name is None:
        return value
    if isinstance(item, dict):
        return {**value, "item": {**item, "name": name}}
    return {**value, "name": name} if "name" in value else value


def _renumbered(events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """Return the events of a response numbered without gaps."""
    result = []
    number: int | None = None
    for event in events:
        told = -1 if event.value is None else piece_number(event.value.get("sequence_number"))
        if event.value is None or told < 0:
            result.append(event)
            continue
        number = told if number is None else number + 1
        result.append(
            event if told == number else event.with_value({**event.value, "sequence_number": number})
        )
    return result


def _block_event_without(
    value: JsonObject, places: Collection[int], moved: Callable[[int], int], has_calls_left: bool
) -> JsonObject | None:
    place = piece_number(value.get("index"))
    if place in places:
        return None
    delta = value.get("delta")
    if not has_calls_left and isinstance(delta, dict) and delta.get("stop_reason") == "tool_use":
        return {**value, "delta": {**delta, "stop_reason": "end_turn"}}
    return value if place < 0 or moved(place) == place else {**value, "index": moved(place)}
