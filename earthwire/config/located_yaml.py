"""Reads YAML into validated models; every error names the file, the line, the column, the key and the way out."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from earthwire.config._strict_loader import StrictLoader
from earthwire.config.validation_text import (
    OF_KEYS,
    PROBLEMS_SHOWN_MAX,
    location_of,
    problem_text,
    problems_of,
    shown,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Bound on the size of a file that is read as YAML."""

_TRACES_START = '{"format":"earthwire-traces"'
_OTHER_KINDS = {
    "earthwire_profile": "is a profile, not a recipe; give it with --profile, or name it in a recipe (`profile: …`)",
    "earthwire_recipe": "is a recipe, not a profile; give it to `earthwire serve`, or with --recipe",
}
"""What to do with a file of ours in the place of another kind, by the key that tells the kind."""

_EXCERPT_CHARACTERS_MAX = 100
_PLACE = re.compile(r".*?:(?P<line>\d+):(?P<column>\d+): ")

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
        raise FileError(f"{path}:1:1: {shown(data)}: a mapping of keys is expected", text)
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
    details = problems_of(error)
    problems = [_explain(path, root, model, detail) for detail in details[:PROBLEMS_SHOWN_MAX]]
    if len(details) > PROBLEMS_SHOWN_MAX:
        problems.append(f"{path}: {len(details) - PROBLEMS_SHOWN_MAX} more problems")
    return "\n".join(problems)


def _explain(path: Path, root: yaml.Node | None, model: type[BaseModel], detail: "ErrorDetails") -> str:
    node, key_node = _find(root, location_of(detail))
    marked = node if detail["type"] not in OF_KEYS and node is not None else key_node or node or root
    mark = marked.start_mark if marked is not None else None
    return f"{_place(path, mark)}: {problem_text(model, detail, '(file)')}"


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
