"""Damage to the encoding of text, and content types that lie."""

from earthwire.fault_models.damage.members import json_text, members
from earthwire.fault_models.damage.payload import Numbers, Operator, Payload
from earthwire.traces.labels.body_class import is_json_type
from earthwire.traces.labels.text_damage import misread, text_damage

_HALVES = ("\\ud83d", "\\ude00")
_OTHER_TYPES = ("text/plain; charset=utf-8", "text/html; charset=utf-8", "application/octet-stream")


def _text(payload: Payload) -> str | None:
    """Return the text of a body with characters beyond ASCII; None for any other."""
    try:
        text = payload.body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if text.isascii() or "\x00" in text else text


def _mojibake(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    text = _text(payload)
    if text is None:
        return None
    return Payload(misread(text).encode("utf-8"), payload.content_type, payload.missing_bytes)


def _replacement(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    text = _text(payload)
    if text is None or text_damage(text) is not None:
        return None
    lost = "".join(character if character.isascii() else "\ufffd" for character in text)
    return Payload(lost.encode("utf-8"), payload.content_type, payload.missing_bytes)


def _latin_1(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Send JSON in Latin-1 although JSON is UTF-8 (RFC 8259, section 8.1)."""
    text = _text(payload)
    if text is None or json_text(payload.body) is None:
        return None
    body = text.encode("latin-1", "replace")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        # A cut character at the very end would look like a cut body.
        if error.reason != "unexpected end of data":
            return Payload(body, payload.content_type, payload.missing_bytes)
    return None


def _lone_surrogate(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """End a string with half of an emoji, as cutting text by UTF-16 units does."""
    text = json_text(payload.body)
    if text is None:
        return None
    strings = [member for member in members(text) if text[member.value_start] == '"']
    if not strings:
        return None
    quote = strings[numbers.below(len(strings))].end - 1
    half = _HALVES[numbers.below(len(_HALVES))]
    return Payload(
        f"{text[:quote]}{half}{text[quote:]}".encode(), payload.content_type, payload.missing_bytes
    )


def _content_type(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    if json_text(payload.body) is None or not is_json_type(payload.content_type):
        return None
    other = _OTHER_TYPES[numbers.below(len(_OTHER_TYPES))]
    return Payload(payload.body, other, payload.missing_bytes)


ENCODING = (
    Operator("mojibake", "mojibake", _mojibake),
    Operator("replacement", "mojibake", _replacement),
    Operator("latin_1", "mojibake", _latin_1),
    Operator("lone_surrogate", "mojibake", _lone_surrogate),
    Operator("content_type", "wrong_content_type", _content_type),
)
