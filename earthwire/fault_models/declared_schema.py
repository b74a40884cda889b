"""JSON Schemas that a server declares, checked against within bounds: the server could make them slow.

1. Nothing is fetched: references to other documents cannot be followed.
2. Regular expressions are not tried, since one of 10 characters can take hours on a text of 30. A schema with
   ``patternProperties``, where that would change what the rest means, is not used at all.
3. A check that takes more than `STEPS_MAX` keywords is given up, and says nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

SCHEMA_NODES_MAX = 2_000
VALUE_NODES_MAX = 20_000
STEPS_MAX = 100_000
ITEMS_COMPARED_MAX = 500
"""Items of an array that must not repeat; a longer one cannot be checked."""

Keyword = Callable[[Any, Any, Any, Any], Any]


class UncheckableError(Exception):
    """A value of which cannot be said, within the bounds, whether it is as declared."""


class DeclaredSchema:
    """A schema that values are held against.

    Args:
        schema: as declared.

    Raises:
        ValueError: if it is no schema, or none that can be checked against safely.
    """

    def __init__(self, schema: Mapping[str, object]) -> None:
        if is_larger(schema, SCHEMA_NODES_MAX):
            raise ValueError(f"a schema of more than {SCHEMA_NODES_MAX} parts")
        if any(isinstance(node, Mapping) and "patternProperties" in node for node in _nodes(schema)):
            raise ValueError("patternProperties are regular expressions of a stranger")
        try:
            Draft202012Validator.check_schema(schema)
        except (SchemaError, RecursionError) as error:
            raise ValueError("not a JSON Schema") from error
        self._steps = 0
        keywords: dict[str, Keyword] = {**Draft202012Validator.VALIDATORS, **_BOUNDED}
        counted = {name: self._counted(keyword) for name, keyword in keywords.items()}
        bounded = extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]  # stubs say no types
        self._validator = bounded(dict(schema), registry=Registry())

    def problem(self, value: object) -> ValidationError | None:
        """Return what is most wrong with a value; None if it is as declared.

        Raises:
            UncheckableError: if that cannot be said within the bounds.
        """
        if is_larger(value, VALUE_NODES_MAX):
            raise UncheckableError
        self._steps = 0
        try:
            found: ValidationError | None = best_match(self._validator.iter_errors(value))
        except (Unresolvable, RecursionError) as error:
            raise UncheckableError from error
        return found

    def _counted(self, keyword: Keyword) -> Keyword:
        def check(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            self._steps += 1
            if self._steps > STEPS_MAX:
                raise UncheckableError
            return keyword(validator, value, instance, schema)

        return check


def is_larger(value: object, nodes_max: int) -> bool:
    """Tell whether a document has more than so many values, those inside others counted as well."""
    return any(count > nodes_max for count, _ in enumerate(_nodes(value), 1))


def _nodes(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Mapping):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _unchecked(validator: Any, value: Any, instance: Any, schema: Any) -> None:
    """Let any value pass."""


def _few_unique(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
    """Compare the items of short arrays only: every one with every other."""
    if isinstance(instance, list) and len(instance) > ITEMS_COMPARED_MAX:
        raise UncheckableError
    return Draft202012Validator.VALIDATORS["uniqueItems"](validator, value, instance, schema)


_BOUNDED: dict[str, Keyword] = {"pattern": _unchecked, "uniqueItems": _few_unique}
