"""Damage to the syntax of JSON: the real body, with one thing wrong in it."""

import re

from earthwire.fault_models.damage.members import Member, json_text, members
from earthwire.fault_models.damage.payload import Numbers, Operator, Payload

_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_SCALAR = re.compile(r"[-\dtfn]")
_PREFIXES = (
    ")]}',\n",
    "OK\n",
    "while(1);",
    "Notice: Undefined variable: result in /var/www/html/index.php on line 42\n",
    "undefined",
)
"""What stands before JSON in the wild: guards against script inclusion, and output that a server let slip."""

_BOM = b"\xef\xbb\xbf"


def _replaced(payload: Payload, text: str) -> Payload:
    return Payload(text.encode("utf-8"), payload.content_type, payload.missing_bytes)


def _pick(found: list[Member], numbers: Numbers) -> Member | None:
    return found[numbers.below(len(found))] if found else None


def _trailing_comma(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    text = json_text(payload.body)
    if text is None:
        return None
    last = _pick([member for member in members(text) if member.is_last], numbers)
    return None if last is None else _replaced(payload, f"{text[: last.end]},{text[last.end :]}")


def _nan(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    text = json_text(payload.body)
    if text is None:
        return None
    scalars = [member for member in members(text) if _SCALAR.match(text, member.value_start)]
    digits = [m for m in scalars if text[m.value_start] in "-0123456789"]
    chosen = _pick(digits or scalars, numbers)
    if chosen is None:
        return None
    return _replaced(payload, f"{text[: chosen.value_start]}NaN{text[chosen.end :]}")


def _single_quotes(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Quote as languages do that print their own values instead of JSON."""
    text = json_text(payload.body)
    if text is None or '"' not in text:
        return None
    return _replaced(payload, _STRING.sub(_in_single_quotes, text))


def _in_single_quotes(match: re.Match[str]) -> str:
    content = match[1].replace('\\"', '"').replace("'", "\\'")
    return f"'{content}'"


def _prefix_text(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    text = json_text(payload.body)
    if text is None:
        return None
    return _replaced(payload, _PREFIXES[numbers.below(len(_PREFIXES))] + text)


def _two_values(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    text = json_text(payload.body)
    # Without white space between them: a value a line would be JSON lines, which is a format of its own.
    return None if text is None else _replaced(payload, text.strip() + text.strip())


def _bom(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    if json_text(payload.body) is None:
        return None
    return Payload(_BOM + payload.body, payload.content_type, payload.missing_bytes)


BROKEN_JSON = (
    Operator("trailing_comma", "json_malformed", _trailing_comma),
    Operator("nan", "json_malformed", _nan),
    Operator("single_quotes", "json_malformed", _single_quotes),
    Operator("prefix_text", "json_malformed", _prefix_text),
    Operator("two_values", "json_malformed", _two_values),
    Operator("bom", "json_malformed", _bom),
)
