"""The turns of a conversation with a model: how it goes on after calls of decoys, which its client never sees.

An answer that calls nothing but decoys is carried on at once (`carried_on`). Of one that calls tools of the client as
well, the client gets its own calls alone. With their results it sends the turn back, and what it does not know of is
put in again (`restored`): calls beside its own, turns before them, and all their results. So the model finds its turns
as it made them. What lies before an answer without any call is not put in again: nothing tells that answer from others.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from earthwire.fault_models.action.decoys import Decoy, DecoyAnswer
from earthwire.fault_models.action.model_answer import JsonObject, ModelCall, ModelForm
from earthwire.fault_models.action.refusal import refused_text, unknown_text

_TURN_KEYS = ("role", "content", "tool_calls")
"""What of a chat completion's message goes back to the model; providers refuse some of the rest."""


class HiddenTurns(msgspec.Struct, frozen=True):
    """What the client does not know of a turn that it does know.

    Attributes:
        calls: of decoys beside its own, in the order of their places in the whole turn.
        results: of each of them.
        before: turns and results between the request that the client sent and this turn.
    """

    calls: tuple[ModelCall, ...] = ()
    results: tuple[str, ...] = ()
    before: tuple[object, ...] = ()


def decoy_result(decoy: Decoy, answer: DecoyAnswer) -> str:
    """Return what a call of a decoy results in, for the model to read."""
    return unknown_text(decoy) if answer == "unknown" else refused_text(decoy)


def carried_on(
    form: ModelForm,
    request: JsonObject,
    answer: JsonObject,
    calls: Sequence[ModelCall],
    results: Sequence[str],
) -> JsonObject:
    """Return the request that goes on where an answer ended.

    Args:
        form: of both.
        request: that was answered.
        answer: to it.
        calls: all its calls.
        results: of each.
    """
    hidden = HiddenTurns(tuple(calls), tuple(results))
    match form:
        case "openai_chat":
            choices = answer["choices"]
            assert isinstance(choices, list), "it has calls"
            message = choices[0]["message"]
            turn = {"role": "assistant", **{key: message[key] for key in _TURN_KEYS if key in message}}
            return {**request, "messages": [*_list(request["messages"]), turn, *_results(form, hidden)]}
        case "openai_responses":
            output = [item for item in _list(answer["output"]) if not _is_lost(item, request)]
            return {**request, "input": [*turns_of(form, request), *output, *_results(form, hidden)]}
        case "anthropic":
            turn = {"role": "assistant", "content": answer["content"]}
            told = {"role": "user", "content": _results(form, hidden)}
            return {**request, "messages": [*_list(request["messages"]), turn, told]}


def turns_of(form: ModelForm, request: JsonObject) -> list[object]:
    """Return the turns of a request; a text alone is one of them."""
    turns = request["input" if form == "openai_responses" else "messages"]
    return [{"role": "user", "content": turns}] if isinstance(turns, str) else _list(turns)


def restored(form: ModelForm, request: JsonObject, hidden: Mapping[str, HiddenTurns]) -> JsonObject:
    """Return a request with the calls of decoys where they were, and their results.

    Args:
        form: of the request.
        request: of a client.
        hidden: by the id of any call of the client's own that stood beside them.
    """
    key = "input" if form == "openai_responses" else "messages"
    turns = request.get(key)
    if not hidden or not isinstance(turns, list):
        return request
    match form:
        case "openai_chat":
            changed = list(_restored_chat(turns, hidden))
        case "openai_responses":
            changed = list(_restored_items(turns, hidden))
        case "anthropic":
            changed = list(_restored_messages(turns, hidden))
    return {**request, key: changed} if len(changed) != len(turns) or changed != turns else request


def _restored_chat(turns: Sequence[object], hidden: Mapping[str, HiddenTurns]) -> Iterator[object]:
    for turn in turns:
        calls = turn.get("tool_calls") if isinstance(turn, dict) else None
        found = _beside(calls, "id", hidden)
        if found is None or not isinstance(turn, dict):
            yield turn
            continue
        yield from found.before
        yield {**turn, "tool_calls": _inserted(_list(calls), found)}
        yield from _results("openai_chat", found)


def _restored_items(items: Sequence[object], hidden: Mapping[str, HiddenTurns]) -> Iterator[object]:
    """Yield the items of a request.

    A client that names the previous response sends no calls, only their results: what lies before is with the server.
    A call is never torn from the reasoning before it.
    """
    begun: set[int] = set()
    told: set[int] = set()
    held: list[object] = []
    waiting: list[ModelCall] = []
    place = 0
    for item in items:
        if _is_before_call(item):
            held.append(item)
            continue
        found = _beside([item], "call_id", hidden)
        if found is not None and isinstance(item, dict) and item.get("type") == "function_call":
            if id(found) not in begun:
                begun.add(id(found))
                waiting, place = list(found.calls), len(held)
                held = [*found.before, *held]
            while waiting and waiting[0].place <= place:
                held.append(waiting.pop(0).entry)
                place += 1
            place += 1
        elif found is not None and id(found) not in told:
            told.add(id(found))
            held += [*(call.entry for call in waiting), *_results("openai_responses", found)]
            waiting = []
        yield from held
        held = []
        yield item
    yield from held


def _is_before_call(item: object) -> bool:
    """Tell whether an item may belong to the answer whose calls follow."""
    return isinstance(item, dict) and (item.get("type") == "reasoning" or item.get("role") == "assistant")


def _restored_messages(turns: Sequence[object], hidden: Mapping[str, HiddenTurns]) -> Iterator[object]:
    due: HiddenTurns | None = None
    for turn in turns:
        content = turn.get("content") if isinstance(turn, dict) else None
        if not isinstance(turn, dict) or not isinstance(content, list):
            due = None
            yield turn
            continue
        if due is not None and turn.get("role") == "user":
            content = [*_results("anthropic", due), *content]
        due = _beside(content, "id", hidden) if turn.get("role") == "assistant" else None
        yield from () if due is None else due.before
        yield {**turn, "content": content if due is None else _inserted(content, due)}


def _beside(entries: object, id_key: str, hidden: Mapping[str, HiddenTurns]) -> HiddenTurns | None:
    """Return what was taken out beside the calls of a turn."""
    for entry in entries if isinstance(entries, list) else []:
        call_id = entry.get(id_key) if isinstance(entry, dict) else None
        if isinstance(call_id, str) and call_id in hidden:
            return hidden[call_id]
    return None


def _inserted(entries: Sequence[object], hidden: HiddenTurns) -> list[object]:
    """Return the entries with the hidden ones at their places."""
    whole = list(entries)
    for call in hidden.calls:
        whole.insert(min(call.place, len(whole)), call.entry)
    return whole


def _results(form: ModelForm, hidden: HiddenTurns) -> list[object]:
    pairs = zip(hidden.calls, hidden.results, strict=True)
    match form:
        case "openai_chat":
            return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in pairs]
        case "openai_responses":
            return [
                {"type": "function_call_output", "call_id": call.id, "output": text} for call, text in pairs
            ]
        case "anthropic":
            return [
                {"type": "tool_result", "tool_use_id": call.id, "content": text, "is_error": True}
                for call, text in pairs
            ]


def _is_lost(item: object, request: JsonObject) -> bool:
    """Tell whether an item cannot be sent back: reasoning that the server did not keep, and did not give away."""
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    return request.get("store") is False and not item.get("encrypted_content")


def _list(value: object) -> list[object]:
    assert isinstance(value, list), "a conversation is a list of turns"
    return value
