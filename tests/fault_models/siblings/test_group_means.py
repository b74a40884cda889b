import pytest

from earthwire.fault_models.siblings.group_means import SHRINKAGE, WEIGHT_MAX, GroupMeans

MEANS = GroupMeans(
    {"GET a.example/x": (2.0, 1.0), "GET a.example/y": (4.0, 100.0), "GET b.example/z": (0.0, 2.0)}
)


def test_each_group_is_pulled_towards_the_coarser_one():
    everything = (2.0 + WEIGHT_MAX * 4.0 + SHRINKAGE * 1.0) / (1.0 + WEIGHT_MAX + 2.0 + SHRINKAGE)
    of_a = (2.0 + WEIGHT_MAX * 4.0 + SHRINKAGE * everything) / (1.0 + WEIGHT_MAX + SHRINKAGE)
    assert MEANS.expected((), 1.0) == pytest.approx(everything)
    assert MEANS.expected(("GET a.example",), 1.0) == pytest.approx(of_a)


def test_groups_that_are_not_known_say_nothing():
    assert MEANS.expected(("GET c.example/v1", "GET c.example"), 1.0) == MEANS.expected((), 1.0)


def test_a_tool_that_is_left_out_is_as_if_it_had_never_been_there():
    others = GroupMeans({"GET a.example/x": (2.0, 1.0), "GET b.example/z": (0.0, 2.0)})
    without = MEANS.expected(("GET a.example",), 1.0, without="GET a.example/y")
    assert without == pytest.approx(others.expected(("GET a.example",), 1.0))
    assert MEANS.expected(("GET a.example",), 1.0) > without


def test_the_only_tool_of_a_group_leaves_nothing_behind():
    alone = GroupMeans({"GET a.example/x": (7.1, 0.1)})
    assert alone.expected(("GET a.example",), 1.0, without="GET a.example/x") == 1.0


def test_a_tool_that_is_not_there_cannot_be_missed():
    assert MEANS.expected((), 1.0, without="GET a.example/never") == MEANS.expected((), 1.0)
