import pytest

from earthwire.grounding.stress import TASKS_MAX, TaskScore, task_scores, with_all_tasks

SOLVED, FAILED = TaskScore(True, 1.0), TaskScore(False, 0.0)


@pytest.mark.parametrize(("exit_code", "score"), [(0, SOLVED), (1, FAILED), (-9, FAILED), (None, FAILED)])
def test_without_a_line_the_exit_code_tells(exit_code: int | None, score: TaskScore) -> None:
    assert task_scores(b"thinking\n", exit_code) == {"": score}


def test_a_line_wins_over_the_exit_code() -> None:
    assert task_scores(b'{"success": false}\n', 0) == {"": FAILED}


def test_the_last_line_about_a_task_counts() -> None:
    printed = (
        b'{"task": "a", "success": false}\n{"task": "b", "success": true}\n{"task": "a", "success": true}'
    )
    assert task_scores(printed, 1) == {"a": SOLVED, "b": SOLVED}


@pytest.mark.parametrize(
    "line",
    [
        b'{"success": 1}',
        b'{"success": "true"}',
        b'{"success": tr',
        b'["success"]',
        b'{"progress": 0.5}',
        b"{}",
    ],
)
def test_other_lines_are_the_agents_own(line: bytes) -> None:
    assert task_scores(line, 0) == {"": SOLVED}


@pytest.mark.parametrize(
    ("reward", "read"), [("0.25", 0.25), ("-3", -3.0), ("true", 1.0), ('"9"', 1.0), ("null", 1.0)]
)
def test_a_reward_is_a_number_or_that_of_success(reward: str, read: float) -> None:
    line = f'{{"success": true, "reward": {reward}}}'.encode()
    assert task_scores(line, 0) == {"": TaskScore(True, read)}


def test_tasks_have_a_bound() -> None:
    printed = b"\n".join(b'{"task": "t%d", "success": true}' % number for number in range(TASKS_MAX + 5))
    assert len(task_scores(printed, 0)) == TASKS_MAX


def test_a_task_that_a_run_did_not_come_to_has_failed() -> None:
    assert with_all_tasks({"a": SOLVED}, ["b", "a"]) == {"a": SOLVED, "b": FAILED}


def test_a_run_that_told_of_no_task_failed_all_of_them() -> None:
    assert with_all_tasks(task_scores(b"", 1), ["a", "b"]) == {"a": FAILED, "b": FAILED}
