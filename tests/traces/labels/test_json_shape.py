import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthwire.traces.labels.json_shape import (
    BODIES_MIN,
    PathCounts,
    Shape,
    add_shapes,
    drift_of,
    lacks_content,
    parent_of,
    shape_of,
    thinned,
)

GOOD = {"items": [{"id": 1, "name": "a"}, {"id": 2, "name": None}], "next": "x"}
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def known(*values: object) -> Shape:
    return add_shapes(shape_of(value) for value in values for _ in range(BODIES_MIN))


def test_members_are_counted_against_the_objects_that_could_hold_them() -> None:
    shape = add_shapes([shape_of({"a": {"x": 1}}), shape_of({"a": {}}), shape_of({})])
    assert shape.paths["$.a"] == PathCounts(3, 2, {"object": 2})
    assert shape.paths["$.a.x"] == PathCounts(2, 1, {"number": 1})


@given(st.lists(VALUES, min_size=2, max_size=4))
def test_adding_is_exact_in_any_order_and_grouping(values: list[object]) -> None:
    shapes = [shape_of(value) for value in values]
    whole = add_shapes(shapes)
    assert all(add_shapes(order) == whole for order in itertools.permutations(shapes))
    assert add_shapes([add_shapes(shapes[:1]), add_shapes(shapes[1:])]) == whole


@given(VALUES)
def test_a_body_does_not_drift_from_itself(value: object) -> None:
    assert drift_of(value, known(value)) is None


@pytest.mark.parametrize(
    ("value", "drift"),
    [
        ({"items": [{"id": 1}], "next": "x"}, "missing"),
        ({"items": [], "next": None}, "null"),
        ({"items": [{"id": "1", "name": "a"}], "next": "x"}, "type"),
        ({"items": [], "next": "x", "new": 1}, "extra"),
        ([], "type"),
        ({"items": [], "next": "y"}, None),
        ({"items": [{"id": 3, "name": None}], "next": ""}, None),
    ],
)
def test_drift_is_named(value: object, drift: str | None) -> None:
    assert drift_of(value, known(GOOD)) == drift


def test_a_few_bodies_prove_no_rule() -> None:
    few = add_shapes([shape_of(GOOD)] * (BODIES_MIN // 2 - 1))
    assert drift_of({"next": None}, few) is None


def test_nothing_stands_where_something_always_was() -> None:
    assert lacks_content({}, known(GOOD))
    assert lacks_content(None, known(GOOD))
    assert lacks_content([], known([1]))
    assert not lacks_content([], known([], [1]))
    assert not lacks_content({}, known({}, GOOD))


def test_a_thinned_shape_keeps_the_frequent_paths_and_no_longer_knows_what_is_new() -> None:
    shape = known({f"k{i}": i for i in range(60)})
    small = thinned(shape)
    assert len(small.paths) == 40
    assert not small.complete
    assert drift_of({f"k{i}": i for i in range(61)}, small) is None


def test_a_thinned_shape_keeps_the_root_although_items_are_more_frequent() -> None:
    """Without it a profile could be written and not read again."""
    small = thinned(known([{f"k{i}": i for i in range(60)}] * 3))
    assert small.paths["$"].present == BODIES_MIN
    assert len(small.paths) == 40


def test_separators_in_keys_are_escaped() -> None:
    path = next(path for path in shape_of({"a.b[]~": 1}).paths if path != "$")
    assert path == "$.a~1b~2]~0"
    assert parent_of(path) == "$"
