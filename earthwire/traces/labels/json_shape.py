"""The shape of JSON bodies: which paths are there, how often, and with which types. Counts that add up.

A path is written ``$.items[].id``. A member is counted against the objects that could have held it, the items of an
array against the arrays: ``present / of`` is how often it was there.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

JsonType = Literal["object", "array", "string", "number", "boolean", "null"]

DEPTH_MAX = 3
"""Objects nested deeper are counted as members, but not looked into."""
ITEMS_MAX = 20
"""Items looked at in each array."""
PATHS_MAX = 40
"""Paths kept in a shape: the most frequent ones."""
BODIES_MIN = 20
"""With fewer objects seen, a path that was always there may still be optional."""

ROOT = "$"


class PathCounts(msgspec.Struct, frozen=True):
    """How often a path was there.

    Attributes:
        of: parents that were seen.
        present: how many of them had it (an array: had items).
        types: how often its value had each type.
    """

    of: int
    present: int
    types: dict[str, int]

    @property
    def always_there(self) -> bool:
        """Whether it was never missing, in enough parents to mean something."""
        return self.present == self.of >= BODIES_MIN


class Shape(msgspec.Struct, frozen=True):
    """Path counts of a number of bodies.

    Attributes:
        bodies: how many.
        paths: counts by path; the root has one of its own.
        complete: no path was left out.
    """

    bodies: int
    paths: dict[str, PathCounts]
    complete: bool = True


Drift = Literal["missing", "null", "type", "extra"]


def shape_of(value: object) -> Shape:
    """Return the shape of one decoded body.

    >>> shape_of({"items": [{"id": 1}, {}]}).paths["$.items[].id"]
    PathCounts(of=2, present=1, types={'number': 1})
    """
    types: dict[str, dict[str, int]] = {ROOT: {json_type(value): 1}}
    filled: dict[str, int] = {}
    for path, container in _containers(value):
        if isinstance(container, Mapping):
            for key, item in container.items():
                _count(types, child_path(path, key), item)
        elif isinstance(container, list):
            filled[f"{path}[]"] = filled.get(f"{path}[]", 0) + bool(container)
            types.setdefault(f"{path}[]", {})
            for item in container[:ITEMS_MAX]:
                _count(types, f"{path}[]", item)
    return _shape(1, types, filled, complete=True)


def add_shapes(shapes: Iterable[Shape]) -> Shape:
    """Return the shape of all bodies together; exact, whatever the order, as long as none was thinned."""
    bodies = 0
    complete = True
    types: dict[str, dict[str, int]] = {}
    filled: dict[str, int] = {}
    for shape in shapes:
        bodies += shape.bodies
        complete = complete and shape.complete
        for path, counts in shape.paths.items():
            totals = types.setdefault(path, {})
            for name, count in counts.types.items():
                totals[name] = totals.get(name, 0) + count
            if path.endswith("[]"):
                filled[path] = filled.get(path, 0) + counts.present
    return _shape(bodies, types, filled, complete)


def thinned(shape: Shape, paths_max: int = PATHS_MAX) -> Shape:
    """Return the shape with its most frequent paths only, and the root, which is rarer than items of large arrays."""
    if len(shape.paths) <= paths_max:
        return shape
    ranked = sorted(
        shape.paths, key=lambda path: (path != ROOT, -shape.paths[path].present, path.count("."), path)
    )
    kept = set(ranked[:paths_max])
    return Shape(shape.bodies, {path: c for path, c in shape.paths.items() if path in kept}, complete=False)


def parent_of(path: str) -> str:
    """Return the path of what holds a member or an item; the root's parent is empty.

    >>> parent_of("$.items[].id"), parent_of("$.items[]"), parent_of("$")
    ('$.items[]', '$.items', '')
    """
    if path == ROOT:
        return ""
    return path[:-2] if path.endswith("[]") else path.rpartition(".")[0]


def child_path(path: str, key: str) -> str:
    """Return the path of a member; what would be read as a separator in its key is escaped as in a JSON pointer."""
    if "." in key or "[" in key or "~" in key:
        key = key.replace("~", "~0").replace(".", "~1").replace("[", "~2")
    return f"{path}.{key}"


def json_type(value: object) -> JsonType:
    """Return the JSON type of a decoded value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def drift_of(value: object, shape: Shape) -> Drift | None:
    """Return how a decoded body departs from the shape of good bodies; None if it does not, as far as can be told."""
    found = shape_of(value)
    if json_type(value) not in shape.paths[ROOT].types and shape.bodies >= BODIES_MIN:
        return "type"
    for path, known in shape.paths.items():
        there = found.paths.get(path)
        if path.endswith("[]"):
            continue
        if known.always_there and _lacks(found, path, there):
            return "missing"
        if there is not None and known.present >= BODIES_MIN and not there.types.keys() <= known.types.keys():
            return "null" if "null" in there.types.keys() - known.types.keys() else "type"
    return "extra" if shape.complete and _has_new_path(found, shape) else None


def lacks_content(value: object, shape: Shape) -> bool:
    """Tell whether an empty container or null stands where good bodies never are empty."""
    if value not in ({}, [], None) or shape.bodies < BODIES_MIN:
        return False
    if value is None:
        return "null" not in shape.paths[ROOT].types
    if isinstance(value, list):
        items = shape.paths.get(f"{ROOT}[]")
        return items is not None and items.always_there
    return any(counts.always_there for path, counts in shape.paths.items() if parent_of(path) == ROOT)


def _lacks(found: Shape, path: str, there: PathCounts | None) -> bool:
    """Tell whether a body has a parent without this member."""
    if there is not None:
        return there.present < there.of
    parent = parent_of(path)
    holder = found.paths.get(parent)
    return holder is not None and holder.types.get("object", 0) > 0


def _has_new_path(found: Shape, shape: Shape) -> bool:
    for path in found.paths.keys() - shape.paths.keys():
        parent = shape.paths.get(parent_of(path))
        if parent is not None and not path.endswith("[]") and parent.types.get("object", 0) >= BODIES_MIN:
            return True
    return False


def _containers(value: object) -> Iterator[tuple[str, object]]:
    """Yield objects and arrays with their paths, those below `DEPTH_MAX` objects left out."""
    waiting: list[tuple[str, object, int]] = [(ROOT, value, 0)]
    while waiting:
        path, item, depth = waiting.pop()
        if depth > DEPTH_MAX:
            continue
        if isinstance(item, Mapping):
            yield path, item
            waiting += [(child_path(path, key), child, depth + 1) for key, child in item.items()]
        elif isinstance(item, list):
            yield path, item
            waiting += [(f"{path}[]", child, depth + 1) for child in item[:ITEMS_MAX]]


def _shape(
    bodies: int, types: Mapping[str, Mapping[str, int]], filled: Mapping[str, int], complete: bool
) -> Shape:
    """Build a shape: how often a path could have been there follows from the types of its parent."""
    paths = {}
    for path in sorted(types):
        holder = types.get(parent_of(path), {})
        if path == ROOT:
            of = present = bodies
        elif path.endswith("[]"):
            of, present = holder.get("array", 0), filled.get(path, 0)
        else:
            of, present = holder.get("object", 0), sum(types[path].values())
        paths[path] = PathCounts(max(of, present), present, dict(sorted(types[path].items())))
    return Shape(bodies, paths, complete)


def _count(seen: dict[str, dict[str, int]], path: str, item: object) -> None:
    types = seen.setdefault(path, {})
    name = json_type(item)
    types[name] = types.get(name, 0) + 1
