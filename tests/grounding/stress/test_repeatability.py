from itertools import combinations

import pytest

from earthwire.grounding.stress import pass_all


@pytest.mark.parametrize("successes", [0, 3, 7, 8])
def test_it_is_the_share_of_all_choices_of_k_runs_that_succeed(successes: int) -> None:
    runs = [True] * successes + [False] * (8 - successes)
    for k, share in pass_all({"": runs}, 8).items():
        chosen = list(combinations(runs, k))
        assert share == pytest.approx(sum(map(all, chosen)) / len(chosen))


def test_tasks_count_alike_and_those_with_too_few_runs_not_at_all() -> None:
    assert pass_all({"a": [True, True], "b": [False, True], "c": [True]}, 4) == {1: 2.5 / 3, 2: 0.5}


def test_no_runs_say_nothing() -> None:
    assert pass_all({}, 16) == {}
