"""Says in words what a validated model refuses: the key, the value, what is wrong with it, and the way out."""

import difflib
import re
import reprlib
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PROBLEMS_SHOWN_MAX = 20
"""Bound on the problems that one error lists."""

OF_KEYS: Final = ("extra_forbidden", "missing", "value_error")
"""Kinds of problems that are not about one value, but about a key or the section that it begins."""

_KIND_MESSAGES = {"dict_type": "a mapping of keys is expected", "model_type": "a mapping of keys is expected"}
"""What is expected, where pydantic says it in the words of Python."""

_SHOWN_CHARACTERS_MAX = 60
_BOUND_TYPES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


def problems_of(error: ValidationError) -> list["ErrorDetails"]:
    """Return all problems; misspelt keys first, since they are why others are missing."""
    details = error.errors(include_url=False)
    return sorted(details, key=lambda detail: detail["type"] != "extra_forbidden")


def problem_texts(model: type[BaseModel], error: ValidationError, whole: str) -> list[str]:
    """Return up to `PROBLEMS_SHOWN_MAX` problems, one sentence each.

    Args:
        model: that was not made.
        error: why.
        whole: what a problem of the whole is said to be of.
    """
    return [problem_text(model, detail, whole) for detail in problems_of(error)[:PROBLEMS_SHOWN_MAX]]


def problem_text(model: type[BaseModel], detail: "ErrorDetails", whole: str) -> str:
    """Return one problem as ``key: value: what is wrong; way out``."""
    location = location_of(detail)
    name = ".".join(map(str, location)) or whole
    if detail["type"] == "extra_forbidden":
        return f"{name}: unknown key{_nearest(location, model)}"
    if detail["type"] == "missing":
        return f"{name}: this key is missing{_only_value(location, model)}"
    if detail["type"] == "value_error":
        # A rule over a whole section: its text names the values that break it.
        return f"{name}: {detail['ctx']['error']}"
    message = _KIND_MESSAGES.get(detail["type"], str(detail["msg"]))
    text = f"{name}: {shown(detail['input'])}: {message[:1].lower()}{message[1:]}"
    return text + _way_out(location, model, detail)


def location_of(detail: "ErrorDetails") -> tuple[str | int, ...]:
    """Return the path of the key that a problem is of."""
    return tuple(part for part in detail["loc"] if part != "[key]")


def shown(value: object) -> str:
    """Return a value as it is shown in a message: not longer than a line allows."""
    text = reprlib.repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"


def _way_out(location: tuple[str | int, ...], model: type[BaseModel], detail: "ErrorDetails") -> str:
    """Return what an error of pydantic leaves unsaid: the other bound of a range, or the value that was meant."""
    if detail["type"] == "literal_error":
        near = difflib.get_close_matches(str(detail["input"]), re.findall(r"'([^']+)'", detail["msg"]), n=1)
        return f"; did you mean `{near[0]}`?" if near else ""
    if detail["type"] == "string_pattern_mismatch":
        return _example(location, model)
    field = _field_at(model, location)
    if detail["type"] in _BOUND_TYPES and field is not None:
        low, high = (_bound(field, names) for names in (("ge", "gt"), ("le", "lt")))
        return f"; allowed: {low} to {high}" if low is not None and high is not None else ""
    return ""


def _only_value(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """Return what to write for a key that can have one value only."""
    field = _field_at(model, location)
    if field is None or get_origin(field.annotation) is not Literal or len(get_args(field.annotation)) > 1:
        return ""
    return f"; write `{location[-1]}: {get_args(field.annotation)[0]}`"


def _example(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """Return an example of the key, or of the nearest key above it that has one."""
    for end in range(len(location), 0, -1):
        field = _field_at(model, location[:end])
        if field is not None and field.examples:
            return f", such as {field.examples[0]}"
    return ""


def _bound(field: FieldInfo, names: tuple[str, str]) -> int | float | None:
    bounds = (getattr(constraint, name, None) for constraint in field.metadata for name in names)
    return next((bound for bound in bounds if bound is not None), None)


def _nearest(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    owner = _model_at(model, location[:-1])
    if owner is None:
        return ""
    keys = list(owner.model_fields)
    near = difflib.get_close_matches(str(location[-1]), keys, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    elsewhere = _path_of_key(model, str(location[-1]))
    if elsewhere is not None:
        return f"; it belongs in `{elsewhere}`" if elsewhere else "; it belongs at the top"
    return f"; the keys here are {', '.join(keys)}"


def _path_of_key(model: type[BaseModel], key: str) -> str | None:
    """Return the path of the outermost section that has a key of this name; None if none has."""
    waiting: list[tuple[str, type[BaseModel]]] = [("", model)]
    while waiting:
        path, section = waiting.pop(0)
        if key in section.model_fields:
            return path
        for name, field in section.model_fields.items():
            inner = _plain(field.annotation)
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                waiting.append((f"{path}.{name}" if path else name, inner))
    return None


def _field_at(model: type[BaseModel], location: Sequence[str | int]) -> FieldInfo | None:
    """Return what is declared of the key at `location`."""
    owner = _model_at(model, location[:-1])
    return None if owner is None or not location else owner.model_fields.get(str(location[-1]))


def _model_at(model: type[BaseModel], location: Iterable[str | int]) -> type[BaseModel] | None:
    """Return the model that describes the section at `location`."""
    kind: Any = model
    for part in location:
        kind = _plain(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            if field is None:
                return None
            kind = field.annotation
        else:
            inner = [argument for argument in get_args(kind) if argument is not Ellipsis]
            if not inner:
                return None
            kind = inner[-1]
    kind = _plain(kind)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _plain(kind: Any) -> Any:
    """Return what is left of an optional annotation without its None."""
    if get_origin(kind) in (Union, UnionType):
        return next(argument for argument in get_args(kind) if argument is not type(None))
    return kind
