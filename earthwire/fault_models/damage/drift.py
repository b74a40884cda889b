"""Drift of the schema: members that are missing, renamed, null, of another type or new. All else stays as it is."""

import hashlib
import re
from collections.abc import Callable, Iterable

import msgspec

from earthwire.fault_models.damage.members import Member, json_text, members, shallow
from earthwire.fault_models.damage.payload import Numbers, Operator, Payload
from earthwire.traces.labels.json_shape import ROOT, Shape, shape_of

_NEW_KEYS = ("schema_version", "updated_by", "links", "deprecated_at", "etag", "region_code", "revision")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_UNDERSCORE = re.compile(r"(?<=[A-Za-z0-9])_([a-z])")
_NEW_VALUES = ("null", "1", '"v2"', "false", "[]")

Edit = tuple[int, int, str]
"""Start and end of what is replaced, and what stands there instead."""


def _edited(payload: Payload, text: str, edits: list[Edit]) -> Payload:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return Payload(text.encode("utf-8"), payload.content_type, payload.missing_bytes)


def _at_path(
    payload: Payload, numbers: Numbers, aim: str | None, edit: Callable[[str, Member], Edit | None]
) -> Payload | None:
    """Make the same edit wherever one path occurs: a schema drifts for all rows at once.

    The path is `aim`, or else one of the body's own; None if no path can be edited so. Members that some rows lack,
    or that have several types, are left alone: their absence would be no drift.
    """
    text = json_text(payload.body)
    if text is None:
        return None
    shape = shape_of(msgspec.json.decode(payload.body))
    by_path: dict[str, list[Member]] = {}
    for member in shallow(members(text)):
        by_path.setdefault(member.path, []).append(member)
    editable: dict[str, list[Edit]] = {}
    for path, found in by_path.items():
        edits = [one for member in found if (one := edit(text, member)) is not None]
        if len(edits) == len(found) and path == (aim or path) and _is_regular(shape, path):
            editable[path] = edits
    if not editable:
        return None
    return _edited(payload, text, editable[_chosen(editable, numbers.next())])


def _chosen(paths: Iterable[str], u: float) -> str:
    """Return the path with the lowest hash under `u`: bodies that differ in other paths still drift at the same one."""
    return min(paths, key=lambda path: hashlib.blake2b(f"{u!r} {path}".encode(), digest_size=8).digest())


def _is_regular(shape: Shape, path: str) -> bool:
    counts = shape.paths.get(path)
    return counts is not None and counts.present == counts.of and len(counts.types) == 1


def _missing(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    return _at_path(payload, numbers, aim, _removal)


def _removal(text: str, member: Member) -> Edit | None:
    """Remove a member with the comma behind it, or, for the last one, the comma before it.

    The only member of the body stays: without it the body would be empty, which is another fault.
    """
    if not member.is_last:
        behind = text.index(",", member.end) + 1
        while text[behind].isspace():
            behind += 1
        return member.start, behind, ""
    before = text[: member.start].rstrip()
    if before.strip() == "{":
        return None
    return len(before) - (before[-1] == ","), member.end, ""


def _renamed(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    return _at_path(payload, numbers, aim, _other_key)


def _other_key(text: str, member: Member) -> Edit | None:
    """Rename a member, as releases do: from snake_case to camelCase, else to the key with a version behind it."""
    end = text.index('"', member.start + 1) + 1
    key = text[member.start + 1 : end - 1]
    if not _PLAIN_KEY.fullmatch(key):
        return None
    camel = _UNDERSCORE.sub(lambda match: match[1].upper(), key)
    new = camel if camel != key else f"{key}_v2"
    return None if f'"{new}"' in text else (member.start, end, f'"{new}"')


def _null(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    return _at_path(
        payload,
        numbers,
        aim,
        lambda text, member: (
            None if text[member.value_start] == "n" else (member.value_start, member.end, "null")
        ),
    )


def _type(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    return _at_path(payload, numbers, aim, _other_type)


def _other_type(text: str, member: Member) -> Edit | None:
    value = text[member.value_start : member.end]
    match value[0]:
        case "n":
            return None
        case '"':
            replacement = "0"
        case "{":
            replacement = "[]"
        case "[":
            replacement = "{}"
        case _:
            replacement = f'"{value}"'
    return member.value_start, member.end, replacement


def _extra(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Add a new first member to the root object, or to each object of a root array."""
    text = json_text(payload.body)
    if text is None:
        return None
    key = _NEW_KEYS[numbers.below(len(_NEW_KEYS))]
    if f'"{key}"' in text:
        return None
    value = _NEW_VALUES[numbers.below(len(_NEW_VALUES))]
    gap = " " if '": ' in text else ""
    found = members(text)
    depth = ROOT if text.lstrip()[0] == "{" else f"{ROOT}[]"
    firsts = _first_members(text, found, depth)
    edits = [(start, start, f'"{key}":{gap}{value},{gap}') for start in firsts]
    return _edited(payload, text, edits) if edits else None


def _first_members(text: str, found: list[Member], holder: str) -> list[int]:
    """Return where the first member of each object at `holder` begins."""
    starts = [m.start for m in found if not m.is_item and m.path.rpartition(".")[0] == holder]
    return [start for start in starts if text[:start].rstrip()[-1] == "{"]


DRIFT = (
    Operator("drift_missing", "schema_drift", _missing),
    Operator("drift_renamed", "schema_drift", _renamed),
    Operator("drift_null", "schema_drift", _null),
    Operator("drift_type", "schema_drift", _type),
    Operator("drift_extra", "schema_drift", _extra),
)
