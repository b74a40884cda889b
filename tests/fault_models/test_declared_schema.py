import time

import pytest

from earthwire.fault_models.declared_schema import (
    SCHEMA_NODES_MAX,
    VALUE_NODES_MAX,
    DeclaredSchema,
    UncheckableError,
    is_larger,
)

BOUND_S = 20.0


def doubling(levels: int) -> dict[str, object]:
    """Return a small schema whose check doubles with every level."""
    definitions = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": {"type": "object"}}}


def test_values_are_held_against_the_schema() -> None:
    schema = DeclaredSchema({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}})
    assert schema.problem({"a": 1}) is None
    problem = schema.problem({"a": "x"})
    assert problem is not None
    assert list(problem.absolute_path) == ["a"]


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"patternProperties": {"^(a+)+$": {}}}, {"enum": [0] * SCHEMA_NODES_MAX}]
)
def test_what_cannot_be_checked_safely_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"schema|Schema|patternProperties"):
        DeclaredSchema(schema)


def test_a_regular_expression_of_a_stranger_is_not_tried() -> None:
    """With it this would take hours: the time doubles with every letter, and 27 letters take seconds."""
    begin_s = time.monotonic()
    assert DeclaredSchema({"type": "string", "pattern": "^(a+)+$"}).problem("a" * 60 + "!") is None
    assert time.monotonic() - begin_s < BOUND_S


def test_a_check_that_would_take_for_ever_is_given_up() -> None:
    begin_s = time.monotonic()
    with pytest.raises(UncheckableError):
        DeclaredSchema(doubling(40)).problem({})
    assert time.monotonic() - begin_s < BOUND_S
    assert DeclaredSchema(doubling(4)).problem({}) is None


@pytest.mark.parametrize("schema", [{"$ref": "http://127.0.0.1:1/x"}, {"$ref": "#"}])
def test_references_are_neither_fetched_nor_followed_without_end(schema: dict[str, object]) -> None:
    with pytest.raises(UncheckableError):
        DeclaredSchema(schema).problem({})


def test_a_large_value_is_not_checked() -> None:
    with pytest.raises(UncheckableError):
        DeclaredSchema({"type": "array"}).problem([0] * VALUE_NODES_MAX)


def test_long_arrays_are_not_compared_item_by_item() -> None:
    schema = DeclaredSchema({"uniqueItems": True})
    assert schema.problem([{"a": 1}, {"a": 1}]) is not None
    with pytest.raises(UncheckableError):
        schema.problem([{"a": i} for i in range(600)])


def test_sizes_count_what_is_inside() -> None:
    assert not is_larger({"a": [1, 2]}, 4)
    assert is_larger({"a": [1, 2]}, 3)
