"""Answers of models that come as server-sent events: read, and put together to what they are as a whole."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

import msgspec

from earthwire.fault_models.action.model_answer import JsonObject, ModelForm
from earthwire.fault_models.observation.json_text import read_json, write_json
from earthwire.traces.labels.stream_damage import events_of

RESPONSE_ENDS = ("response.completed", "response.incomplete")
"""Events that hold a whole response."""

_DATA = b"data:"
_TEXTS = ("text", "thinking", "signature")
_INPUT = "partial_json"


class StreamEvent(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        raw: as it came, with its end.
        value: its data; None if that is no JSON object.
    """

    raw: bytes
    value: JsonObject | None

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """Return an event as it is read."""
        data = b"\n".join(line[len(_DATA) :].strip() for line in raw.splitlines() if line.startswith(_DATA))
        value = read_json(data) if data else None
        return cls(raw, value if isinstance(value, dict) else None)

    def with_value(self, value: JsonObject) -> "StreamEvent":
        """Return the event with other data; its other fields stay."""
        lines = []
        is_written = False
        for line in self.raw.splitlines(keepends=True):
            if not line.startswith(_DATA):
                lines.append(line)
            elif not is_written:
                is_written = True
                lines.append(_DATA + b" " + write_json(value) + line[len(line.rstrip(b"\r\n")) :])
        return StreamEvent(b"".join(lines), value)


def stream_events(body: bytes) -> list[StreamEvent]:
    """Return the events of a stream; their raw bytes joined are the stream."""
    return [StreamEvent.of(raw) for raw in events_of(body)]


def stream_bytes(events: Iterable[StreamEvent]) -> bytes:
    """Return a stream as bytes."""
    return b"".join(event.raw for event in events)


def assembled(form: ModelForm, events: Sequence[StreamEvent]) -> JsonObject | None:
    """Return the answer that a stream gives when it is whole; None if it is cut, or cannot be put together."""
    values = [event.value for event in events if event.value is not None]
    match form:
        case "openai_chat":
            return _assembled_chat(values)
        case "openai_responses":
            ended = next((value for value in values if value.get("type") in RESPONSE_ENDS), None)
            response = None if ended is None else ended.get("response")
            return (
                response if isinstance(response, dict) and isinstance(response.get("output"), list) else None
            )
        case "anthropic":
            return _assembled_message(values)


def _assembled_chat(values: Sequence[JsonObject]) -> JsonObject | None:
    calls: dict[int, _Call] = {}
    texts: list[str] = []
    finish: object = None
    for delta, choice in deltas_of(values):
        if piece_number(choice.get("index", 0)) != 0:
            return None
        finish = choice.get("finish_reason") or finish
        texts.append(_text(delta.get("content")))
        entries = delta.get("tool_calls")
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or not _joined_call(calls, entry):
                return None
    if finish is None or sorted(calls) != list(range(len(calls))):
        return None
    message: JsonObject = {"role": "assistant", "content": "".join(texts) or None}
    if calls:
        message["tool_calls"] = [calls[place].whole() for place in sorted(calls)]
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def deltas_of(values: Sequence[JsonObject]) -> Iterator[tuple[JsonObject, JsonObject]]:
    """Yield the deltas in the chunks of a chat completion, each with its choice."""
    for value in values:
        choices = value.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                delta = choice.get("delta")
                yield (delta if isinstance(delta, dict) else {}), choice


class _Call(NamedTuple):
    """A call of a chat completion while its pieces come: how it began, and its arguments so far."""

    begin: JsonObject
    arguments: list[str]

    def whole(self) -> JsonObject:
        function = self.begin["function"]
        assert isinstance(function, dict), "the first piece has one"
        return {**self.begin, "function": {**function, "arguments": "".join(self.arguments)}}


def _joined_call(calls: dict[int, _Call], piece: JsonObject) -> bool:
    """Add a piece of a call; False if it cannot be told which call it belongs to."""
    place, function = piece_number(piece.get("index")), piece.get("function")
    if place < 0 or not isinstance(function, dict):
        return False
    call = calls.get(place)
    if call is None:
        begin = {name: value for name, value in piece.items() if name != "index"}
        calls[place] = call = _Call(begin, [])
    elif piece.get("id") not in (None, "", call.begin.get("id")):
        return False
    call.arguments.append(_text(function.get("arguments")))
    return True


def _assembled_message(values: Sequence[JsonObject]) -> JsonObject | None:
    message: JsonObject | None = None
    blocks: dict[int, _Block] = {}
    is_whole = False
    for value in values:
        place = piece_number(value.get("index"))
        match value.get("type"), value.get("message"), value.get("content_block"), value.get("delta"):
            case "message_start", dict() as begun, _, _:
                message = begun
            case "content_block_start", _, dict() as block, _:
                blocks[place] = _Block(block)
            case "content_block_delta", _, _, dict() as delta if place in blocks:
                blocks[place].add(delta)
            case "message_delta", _, _, dict() as delta if message is not None:
                message = {**message, **delta}
            case "message_stop", _, _, _:
                is_whole = True
    if message is None or not is_whole or sorted(blocks) != list(range(len(blocks))):
        return None
    return {**message, "content": [blocks[place].whole() for place in sorted(blocks)]}


class _Block:
    """A block of a message while its pieces come."""

    def __init__(self, begin: JsonObject) -> None:
        self._begin = begin
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[object] = []

    def add(self, delta: JsonObject) -> None:
        for key in (*_TEXTS, _INPUT):
            if isinstance(delta.get(key), str):
                self._pieces.setdefault(key, []).append(_text(delta[key]))
        if "citation" in delta:
            self._citations.append(delta["citation"])

    def whole(self) -> JsonObject:
        block = dict(self._begin)
        for key in _TEXTS:
            if key in self._pieces:
                block[key] = _text(block.get(key)) + "".join(self._pieces[key])
        if self._citations:
            block["citations"] = self._citations
        if _INPUT in self._pieces:
            value = read_json("".join(self._pieces[_INPUT]))
            block["input"] = {} if value is None else value
        return block


def piece_number(value: object) -> int:
    """Return a place as it is written; -1 for anything else."""
    digits = bytes(value) if isinstance(value, msgspec.Raw) else b""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(digits) if digits.isdigit() and len(digits) < 10 else -1


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
