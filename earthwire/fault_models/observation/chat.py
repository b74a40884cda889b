"""User turns of requests to model APIs: OpenAI's (chat completions and responses) and Anthropic's (messages)."""

from collections.abc import Callable
from typing import TypeGuard

TurnChange = Callable[[str], str]

_TURN_LISTS = ("messages", "input")
_TEXT_TYPES = ("text", "input_text")


def is_chat_request(value: object) -> bool:
    """Tell whether a request body is one to a model: it names a model and holds turns."""
    return (
        _is_object(value) and isinstance(value.get("model"), str) and any(key in value for key in _TURN_LISTS)
    )


def changed_user_turns(value: object, change: TurnChange) -> object:
    """Return a chat request with the texts of its user turns changed.

    Tool results, images and documents inside user turns stay; so do system prompts and the model's own turns.

    Args:
        value: decoded body; it is left as it is.
        change: of one text. It sees a text again with every later request of the conversation, and has to give the
            same answer, or the past of the conversation would change.
    """
    if not _is_object(value):
        return value
    changed = dict(value)
    for key in _TURN_LISTS:
        turns = value.get(key)
        if isinstance(turns, str):
            changed[key] = change(turns)
        elif isinstance(turns, list):
            changed[key] = [_changed_turn(turn, change) for turn in turns]
    return changed


def _changed_turn(turn: object, change: TurnChange) -> object:
    if not _is_object(turn) or turn.get("role") != "user":
        return turn
    content = turn.get("content")
    if isinstance(content, str):
        return {**turn, "content": change(content)}
    if isinstance(content, list):
        return {**turn, "content": [_changed_part(part, change) for part in content]}
    return turn


def _changed_part(part: object, change: TurnChange) -> object:
    if not _is_object(part) or part.get("type") not in _TEXT_TYPES:
        return part
    text = part.get("text")
    return {**part, "text": change(text)} if isinstance(text, str) else part


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)
