"""What one worker process knows of the others."""

import socket
from pathlib import Path

import msgspec

from earthwire.proxy.workers.declared_ids import DeclaredIds
from earthwire.proxy.workers.handover import Mailboxes
from earthwire.proxy.workers.placement import Placement
from earthwire.proxy.workers.scoreboard import Scoreboard
from earthwire.traces.files.shards import shard_path


class Worker(msgspec.Struct, frozen=True):
    """One worker among several.

    Attributes:
        placement: which episodes it serves.
        mailboxes: for connections that are another's.
        scoreboard: where it counts the records that it wrote.
        declared: the episodes that are declared at it, and those that were lost with the worker before it.
        lifeline: leads to the supervisor, and reaches its end when that is gone; the worker then stops.
    """

    placement: Placement
    mailboxes: Mailboxes
    scoreboard: Scoreboard
    declared: DeclaredIds
    lifeline: socket.socket

    @property
    def index(self) -> int:
        """Number of the worker, from 0."""
        return self.placement.index

    def count_written(self, count: int) -> None:
        """Count records that are with the operating system."""
        self.scoreboard.add_written(self.index, count)

    def ask_for_reload(self) -> None:
        """Ask the supervisor to have all workers read the recipe anew.

        Not by a signal: the parent of a worker whose supervisor is gone is another process, in a container the first.

        Raises:
            OSError: if the supervisor is gone.
        """
        self.lifeline.send(b"\0", socket.MSG_DONTWAIT)

    def record_path(self, path: Path | None) -> Path | None:
        """Return the file that this worker appends its records to: `shard_path` of the one that was asked for."""
        return None if path is None else shard_path(path, self.index)
