"""Runs an agent once, with a proxy of its own between it and its tools."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from earthwire.config.agent_command import filled_command
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.client_process import ClientRun, run_process
from earthwire.proxy.serve_config import ServeConfig
from earthwire.proxy.server import running_proxy
from earthwire.traces.files.jsonl import read_jsonl
from earthwire.traces.record import TraceRecord

PRINTED_BYTES_MAX = 4 * 1024 * 1024
"""Bound on what is kept of an agent's stdout: its end."""


class ServedRun(msgspec.Struct, frozen=True):
    """What came of one run.

    Attributes:
        client: what became of the agent.
        records: of its calls, in the order in which they ended.
    """

    client: ClientRun
    records: list[TraceRecord]


async def serve_run(
    config: ServeConfig,
    planner: Planner,
    command: Sequence[str],
    environment: Callable[[str], Mapping[str, str]],
    limit_s: float,
    warn: Callable[[str], None],
) -> ServedRun:
    """Serve one run of an agent.

    Args:
        config: what is served; with a file to record to that does not exist yet.
        planner: decides what happens to each call.
        command: the agent's program and arguments; ``{url}`` in them is filled.
        environment: returns what it starts with, for the proxy's base URL.
        limit_s: time that it has.
        warn: takes warnings.

    Raises:
        OSError: if the agent cannot be started.
        ServeError: if the proxy cannot.
    """
    path = config.record_path
    assert path is not None, "what is not recorded cannot be looked at"
    async with running_proxy(config, planner, warn) as proxy:
        url = f"http://{proxy.host}:{proxy.port}"
        filled = filled_command(command, {"url": url})
        client = await run_process(filled, environment(url), limit_s, PRINTED_BYTES_MAX)
    return ServedRun(client, _take(path))


def _take(path: Path) -> list[TraceRecord]:
    """Read a recording, and remove it."""
    records = list(read_jsonl(path))
    path.unlink()
    return records
