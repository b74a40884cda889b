"""What an agent says of its own success: JSON lines on its stdout, or else its exit code."""

import math
from collections.abc import Iterable

import msgspec

from earthwire.grounding.stress.episode_result import TaskScore

ONLY_TASK = ""
"""Name of the task of an agent that does one a run."""

TASKS_MAX = 10_000
"""Bound on the tasks of one run."""


def task_scores(printed: bytes, exit_code: int | None) -> dict[str, TaskScore]:
    """Return what an agent made of its tasks.

    A line such as ``{"success": true}`` tells of its only task, ``{"task": "t1", "success": true, "reward": 0.5}`` of
    one of several; the last line about a task counts. Other lines are the agent's own. Without such a line success is
    exit code 0. A reward that is not told is 1 for success, else 0.

    Args:
        printed: the agent's stdout.
        exit_code: None if it did not end in time.

    >>> task_scores(b'working\\n{"success": true, "reward": 0.5}\\n', 0)
    {'': TaskScore(success=True, reward=0.5)}
    """
    scores: dict[str, TaskScore] = {}
    for line in printed.splitlines():
        told = _told(line)
        if told is not None and (told[0] in scores or len(scores) < TASKS_MAX):
            scores[told[0]] = told[1]
    return scores or {ONLY_TASK: _score(exit_code == 0, None)}


def with_all_tasks(scores: dict[str, TaskScore], known: Iterable[str]) -> dict[str, TaskScore]:
    """Return scores for all tasks that are known from other runs: one that this run did not come to has failed."""
    names = {*known, *scores}
    if len(names) > 1:
        # An agent of several tasks that told of none.
        names.discard(ONLY_TASK)
    return {name: scores.get(name, _score(False, None)) for name in sorted(names)}


def _told(line: bytes) -> tuple[str, TaskScore] | None:
    """Return the task and the score that a line tells of; None if it is another line."""
    line = line.strip()
    if not line.startswith(b"{"):
        return None
    try:
        values = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    success, reward = values.get("success"), values.get("reward")
    if not isinstance(success, bool):
        return None
    is_number = isinstance(reward, int | float) and not isinstance(reward, bool) and math.isfinite(reward)
    return str(values.get("task", ONLY_TASK)), _score(success, float(reward) if is_number else None)


def _score(success: bool, reward: float | None) -> TaskScore:
    return TaskScore(success, float(success) if reward is None else reward)
