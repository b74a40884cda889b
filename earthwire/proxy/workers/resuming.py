"""Lets a worker that takes a crashed one's place go on where the recording ends.

A plan is a function of the call's index, and the index is one more than that of the last call that was recorded. What
was not recorded any more (calls under way, the last fraction of a second) is as if it had never been asked for: in the
recording no index is missing for it and none comes twice.
"""

from pathlib import Path

import msgspec

from earthwire.fault_models.call import Call
from earthwire.fault_models.reward.facts import BUDGET_SPENT_ATTRIBUTE
from earthwire.fault_models.simulation import Simulation
from earthwire.proxy.calls.planner import Planner
from earthwire.traces.files.shards import shard_path

RESUMED_CALLS_MAX = 1_000_000
"""Bound on the calls whose draws are gone through again, some ten seconds' worth; beyond, all start at 0."""

_REFUSED = f'"{BUDGET_SPENT_ATTRIBUTE}"'

_Indexes = dict[tuple[str, str], int]
"""(episode, tool) to the index of its next call."""


class TooManyCallsError(RuntimeError):
    """More calls were recorded than a worker goes through again."""


class _Drawn(msgspec.Struct):
    """What a record says of the draw of its call."""

    tool: str | None = None
    episode: str | None = None
    call_index: int | None = None
    seed: int | None = None
    profile_hash: str | None = None
    attributes: str | None = None


class Resuming:
    """Where in its recording the draws of each worker begin that a next one has to go through again.

    Args:
        record_path: of the recording of all workers; None if nothing is recorded.
        worker_count: number of workers.
    """

    def __init__(self, record_path: Path | None, worker_count: int) -> None:
        self._paths = [
            None if record_path is None else shard_path(record_path, index) for index in range(worker_count)
        ]
        self.begin()

    def begin(self) -> None:
        """Let all draws begin now: what is recorded so far is of others."""
        self._offsets_bytes = [
            path.stat().st_size if path is not None and path.exists() else 0 for path in self._paths
        ]

    def goes_on(self, index: int, planner: Planner) -> bool:
        """Tell whether the next worker in a place goes on: its calls are recorded, and plans depend on nothing else."""
        is_resumable = isinstance(planner, Simulation) and planner.regime_clock == "calls"
        return is_resumable and self._paths[index] is not None

    def resume(self, index: int, planner: Planner) -> None:
        """Have a planner go on after the recorded calls of the worker in a place.

        Raises:
            TooManyCallsError: if they are too many; nothing is drawn then.
        """
        path = self._paths[index]
        if path is None or not path.exists() or not self.goes_on(index, planner):
            return
        indexes = _next_indexes(path, self._offsets_bytes[index], planner)
        count = sum(indexes.values())
        if count > RESUMED_CALLS_MAX:
            raise TooManyCallsError(
                f"{count:,} calls were recorded, and at most {RESUMED_CALLS_MAX:,} are gone through again"
            )
        for (episode, tool), next_index in indexes.items():
            call = Call(episode, tool)
            for _ in range(next_index):
                planner.draw(call)


def _next_indexes(path: Path, offset_bytes: int, planner: Planner) -> _Indexes:
    """Return how far the recorded calls of a planner, of its profile and its seed, have come."""
    indexes: _Indexes = {}
    decoder = msgspec.json.Decoder(_Drawn)
    with path.open("rb") as file:
        file.seek(offset_bytes)
        for line in file:
            try:
                drawn = decoder.decode(line)
            except msgspec.DecodeError:
                # The last line of a process that was killed may be half a line.
                continue
            if drawn.seed != planner.seed or drawn.profile_hash != planner.profile_hash:
                continue
            if drawn.tool is None or drawn.episode is None or drawn.call_index is None:
                continue
            if drawn.attributes is None or _REFUSED not in drawn.attributes:
                key = drawn.episode, drawn.tool
                indexes[key] = max(indexes.get(key, 0), drawn.call_index + 1)
    return indexes
