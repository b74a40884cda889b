import numpy as np

from earthwire.grounding.fits.shape_sample import SHAPE_BODIES_MAX, ShapeSample
from earthwire.traces.labels.json_shape import Shape, add_shapes, shape_of


def body(i: int) -> dict[str, object]:
    return {"id": i, f"only in {i % 7}": "x"}


def shape_in_order(order: list[int]) -> Shape | None:
    sample = ShapeSample()
    for i in order:
        level = sample.level(f"call {i}")
        if level is not None:
            sample.add(level, shape_of(body(i)))
    return sample.shape()


def test_all_bodies_count_while_they_are_few() -> None:
    order = list(range(SHAPE_BODIES_MAX))
    assert shape_in_order(order) == add_shapes(shape_of(body(i)) for i in order)


def test_of_many_bodies_a_bounded_number_counts_whatever_their_order() -> None:
    shape = shape_in_order(list(range(3_000)))
    assert shape is not None
    assert SHAPE_BODIES_MAX / 4 < shape.bodies <= SHAPE_BODIES_MAX
    for seed in range(3):
        assert shape_in_order(np.random.default_rng(seed).permutation(3_000).tolist()) == shape


def test_no_body_has_no_shape() -> None:
    assert ShapeSample().shape() is None
