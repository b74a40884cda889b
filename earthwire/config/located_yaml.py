"""Reads YAML into validated models; every error names the file, the line, the column, the key and the way out."""

import difflib
import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from earthwire.config._strict_loader import StrictLoader

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Bound on the size of a file that is read as YAML."""

PROBLEMS_SHOWN_MAX = 20
"""Bound on the problems that one error lists."""

_TRACES_START = '{"format":"earthwire-traces"'
_OTHER_KINDS = {
    "earthwire_profile": "is a profile, not a recipe; give it with --profile, or name it in a recipe (`profile: …`)",
    "earthwire_recipe": "is a recipe, not a profile; give it to `earthwire serve`, or with --recipe",
}
"""What to do with a file of ours in the place of another kind, by the key that tells the kind."""

_KIND_MESSAGES = {"dict_type": "a mapping of keys is expected", "model_type": "a mapping of keys is expected"}
"""What is expected, where pydantic says it in the words of Python."""

_SHOWN_CHARACTERS_MAX = 60
_EXCERPT_CHARACTERS_MAX = 100
_PLACE = re.compile(r".*?:(?P<line>\d+):(?P<column>\d+): ")
_BOUND_TYPES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")

Model = TypeVar("Model", bound="Section")


class Section(BaseModel):
    """A part of a file: unknown keys are errors, values are not converted between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileError(ValueError):
    """A file of ours that is wrong; the text is one ``file:line:column: key: what, value, way out`` a problem.

    Attributes:
        illustrated: the same with the line of the file and a caret under each problem that has a place.
    """

    def __init__(self, text: str, source: str = "") -> None:
        super().__init__(text)
        self.illustrated = illustrated(text, source)


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read and validate one file.

    Raises:
        FileError: if the file cannot be read, is not YAML, or does not fit `model`; up to `PROBLEMS_SHOWN_MAX`
            problems are listed.
    """
    text = _read_text(path)
    if text.startswith(_TRACES_START):
        raise FileError(
            f"{path}: holds traces; `earthwire calibrate {path} -o tools.yaml` learns a profile from them"
        )
    try:
        data = yaml.load(text, Loader=StrictLoader)
    except (ComposerError, ConstructorError) as error:
        raise FileError(f"{_place(path, error.problem_mark)}: {error.problem}", text) from error
    except yaml.MarkedYAMLError as error:
        problem = f"{error.problem}{_tab_hint(text, error.problem_mark)}"
        raise FileError(f"{_place(path, error.problem_mark)}: not YAML: {problem}", text) from error
    except yaml.YAMLError as error:
        raise FileError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if data is None:
        raise FileError(f"{path}:1:1: the file is empty; a mapping of keys is expected", text)
    if not isinstance(data, dict):
        raise FileError(f"{path}:1:1: {_shown(data)}: a mapping of keys is expected", text)
    for key, way_out in _OTHER_KINDS.items():
        if key in data and key not in model.model_fields:
            raise FileError(f"{path}: {way_out}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise FileError(_explain_all(path, text, model, error), text) from error


def illustrated(problems: str, source: str) -> str:
    """Return problems, one a line, each followed by its line of the source and a caret under its column.

    >>> print(illustrated("a.yaml:1:7: seed: 'x': not a number", "seed: x"))
    a.yaml:1:7: seed: 'x': not a number
        seed: x
              ^
    """
    lines = source.splitlines()
    shown = []
    for problem in problems.splitlines():
        shown.append(problem)
        place = _PLACE.match(problem)
        if place is not None and lines:
            # What is missing at the end stands behind the last line.
            line, column = min(int(place["line"]), len(lines)), int(place["column"])
            at_end = line < int(place["line"])
            shown += _excerpt(lines[line - 1], len(lines[line - 1]) if at_end else column - 1)
    return "\n".join(shown)


def _excerpt(line: str, column: int) -> tuple[str, str]:
    """Return the part of a line around a column and a caret under it; tabs count as one character."""
    first = max(0, min(column - _EXCERPT_CHARACTERS_MAX // 2, len(line) - _EXCERPT_CHARACTERS_MAX))
    part = line[first : first + _EXCERPT_CHARACTERS_MAX].replace("\t", " ")
    return f"    {part}", f"    {' ' * (column - first)}^"


def _tab_hint(text: str, mark: Any) -> str:
    """Return the way out where YAML stops at a tab."""
    line = "" if mark is None else next(iter(text.splitlines()[mark.line : mark.line + 1]), "")
    return "; indent with spaces, not with tabs" if line[mark.column :].startswith("\t") else ""


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise FileError(f"{path}: larger than {FILE_BYTES_MAX} bytes, which is the most that is read")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise FileError(f"{path}:{line}:{column}: not UTF-8; save the file as UTF-8") from error


def _explain_all(path: Path, text: str, model: type[BaseModel], error: ValidationError) -> str:
    root = yaml.compose(text, Loader=StrictLoader)
    # A misspelt key comes first: it is why another one is missing.
    details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
    problems = [_explain(path, root, model, dict(detail)) for detail in details[:PROBLEMS_SHOWN_MAX]]
    if len(details) > PROBLEMS_SHOWN_MAX:
        problems.append(f"{path}: {len(details) - PROBLEMS_SHOWN_MAX} more problems")
    return "\n".join(problems)


def _explain(path: Path, root: yaml.Node | None, model: type[BaseModel], detail: dict[str, Any]) -> str:
    location: tuple[str | int, ...] = tuple(part for part in detail["loc"] if part != "[key]")
    node, key_node = _find(root, location)
    shown = key_node or node or root
    mark = shown.start_mark if shown is not None else None
    name = ".".join(map(str, location)) or "(file)"
    if detail["type"] == "extra_forbidden":
        return f"{_place(path, mark)}: {name}: unknown key{_nearest(location, model)}"
    if detail["type"] == "missing":
        return f"{_place(path, mark)}: {name}: this key is missing{_only_value(location, model)}"
    if detail["type"] == "value_error":
        # A rule over a whole section: its text names the values that break it.
        return f"{_place(path, mark)}: {name}: {detail['ctx']['error']}"
    mark = node.start_mark if node is not None else mark
    message = _KIND_MESSAGES.get(detail["type"], str(detail["msg"]))
    text = f"{_place(path, mark)}: {name}: {_shown(detail['input'])}: {message[:1].lower()}{message[1:]}"
    return text + _way_out(location, model, detail)


def _way_out(location: tuple[str | int, ...], model: type[BaseModel], detail: dict[str, Any]) -> str:
    """Return what an error of pydantic leaves unsaid: the other bound of a range, or the value that was meant."""
    if detail["type"] == "literal_error":
        near = difflib.get_close_matches(str(detail["input"]), re.findall(r"'([^']+)'", detail["msg"]), n=1)
        return f"; did you mean `{near[0]}`?" if near else ""
    if detail["type"] == "string_pattern_mismatch":
        return _example(location, model)
    owner = _model_at(model, location[:-1])
    field = None if owner is None else owner.model_fields.get(str(location[-1]))
    if detail["type"] in _BOUND_TYPES and field is not None:
        low, high = (_bound(field, names) for names in (("ge", "gt"), ("le", "lt")))
        return f"; allowed: {low} to {high}" if low is not None and high is not None else ""
    return ""


def _only_value(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """Return what to write for a key that can have one value only."""
    owner = _model_at(model, location[:-1])
    field = None if owner is None else owner.model_fields.get(str(location[-1]))
    if field is None or get_origin(field.annotation) is not Literal or len(get_args(field.annotation)) > 1:
        return ""
    return f"; write `{location[-1]}: {get_args(field.annotation)[0]}`"


def _example(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """Return an example of the key, or of the nearest key above it that has one."""
    for end in range(len(location), 0, -1):
        owner = _model_at(model, location[: end - 1])
        field = None if owner is None else owner.model_fields.get(str(location[end - 1]))
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
        return f"; it belongs in `{elsewhere}`" if elsewhere else "; it belongs at the top of the file"
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
    text = reprlib.repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
