"""Reads YAML into validated models; every error names the file, the line, the column, the key and the way out."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Bound on the size of a file that is read as YAML."""

_SHOWN_CHARACTERS_MAX = 60

Model = TypeVar("Model", bound="Section")


class Section(BaseModel):
    """A part of a file: unknown keys are errors, values are not converted between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileError(ValueError):
    """A file of ours that is wrong; the text is one ``file:line:column: key: what, value, way out`` a problem."""


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read and validate one file.

    Raises:
        FileError: if the file cannot be read, is not YAML, or does not fit `model`; all problems are listed.
    """
    text = _read_text(path)
    try:
        data = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise FileError(_place(path, error.problem_mark) + f": not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise FileError(f"{path}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise FileError(f"{path}:1:1: a mapping of keys is expected, this is {_shown(data)}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        root = yaml.compose(text, Loader=_Loader)
        problems = [_explain(path, root, model, dict(detail)) for detail in error.errors()]
        raise FileError("\n".join(problems)) from error


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise FileError(f"{path}: larger than {FILE_BYTES_MAX} bytes")
        return path.read_text("utf-8")
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 at byte {error.start}") from error


def _explain(path: Path, root: yaml.Node | None, model: type[BaseModel], detail: dict[str, Any]) -> str:
    location: tuple[str | int, ...] = detail["loc"]
    node, key_node = _find(root, location)
    shown = key_node or node or root
    mark = shown.start_mark if shown is not None else None
    name = ".".join(map(str, location)) or "(file)"
    if detail["type"] == "extra_forbidden":
        return f"{_place(path, mark)}: {name}: unknown key{_nearest(location, model)}"
    if detail["type"] == "missing":
        return f"{_place(path, mark)}: {name}: this key is missing"
    mark = node.start_mark if node is not None else mark
    message = str(detail["msg"])
    return f"{_place(path, mark)}: {name}: {_shown(detail['input'])}: {message[:1].lower()}{message[1:]}"


def _nearest(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    owner = _model_at(model, location[:-1])
    if owner is None:
        return ""
    keys = list(owner.model_fields)
    near = difflib.get_close_matches(str(location[-1]), keys, n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; the keys here are {', '.join(keys)}"


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


def _find(root: yaml.Node | None, location: Iterable[str | int]) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Return the value node at `location` and the node of its key; the nearest enclosing value where it is absent."""
    node, key_node = root, None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(part)]
            if not pairs:
                return node, None
            key_node, node = pairs[0]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            key_node, node = None, node.value[part]
        else:
            break
    return node, key_node


def _place(path: Path, mark: Any) -> str:
    return f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else str(path)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
