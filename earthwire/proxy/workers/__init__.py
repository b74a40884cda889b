"""Several processes as one proxy: which of them serves an episode, and how a connection gets there."""

from earthwire.proxy.workers.declared_ids import DeclaredIds, DeclaredTable
from earthwire.proxy.workers.handover import Handover, Mailboxes, open_mailboxes
from earthwire.proxy.workers.placed_client import (
    MisplacedRequestError,
    PlacedClientConnection,
    PlacedRequestParser,
)
from earthwire.proxy.workers.placement import Placement, worker_of
from earthwire.proxy.workers.resuming import Resuming, TooManyCallsError
from earthwire.proxy.workers.scoreboard import Scoreboard
from earthwire.proxy.workers.shared_warnings import SharedWarnings
from earthwire.proxy.workers.worker import Worker

__all__ = [
    "DeclaredIds",
    "DeclaredTable",
    "Handover",
    "Mailboxes",
    "MisplacedRequestError",
    "PlacedClientConnection",
    "PlacedRequestParser",
    "Placement",
    "Resuming",
    "Scoreboard",
    "SharedWarnings",
    "TooManyCallsError",
    "Worker",
    "open_mailboxes",
    "worker_of",
]
