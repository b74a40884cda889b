"""Runs a client through the gauntlet: each fault in an episode of its own, some clients at once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from earthwire.fault_models.runs.gauntlet import GauntletFault, GauntletPlanner
from earthwire.fault_models.runs.survival import Survival, survival
from earthwire.fault_models.steps.layer import LAYERS
from earthwire.proxy.client_process import ClientRun
from earthwire.proxy.gauntlet.probe import Seen, probe
from earthwire.proxy.gauntlet.tap import Tap
from earthwire.proxy.gauntlet.tool_server import ToolServer
from earthwire.proxy.gauntlet.trial import run_client
from earthwire.proxy.mcp.server import McpConfig
from earthwire.proxy.serve_config import ServeConfig
from earthwire.proxy.server import running_proxy
from earthwire.traces.clients.client_verdicts import ClientVerdict, client_verdicts
from earthwire.traces.files.jsonl import read_jsonl
from earthwire.traces.record import TraceRecord

CLIENTS_AT_ONCE = 4
_PROBE_SILENCE_S = 2.5
_MCP_NAME = "gauntlet"
_PROBE_SUFFIX = "~probe"


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run.

    Attributes:
        command: of the client.
        faults: to meet.
        environment: that the client starts with.
        limit_s: time that the client has for each.
        url: of a tool server to stand in front of, instead of the built-in one.
        mcp_url: of an MCP server to stand in front of, or None.
    """

    command: tuple[str, ...]
    faults: tuple[GauntletFault, ...]
    environment: Mapping[str, str]
    limit_s: float
    url: str | None = None
    mcp_url: str | None = None


class Result(msgspec.Struct, frozen=True):
    """What came of one fault.

    Attributes:
        fault: that was met.
        survival: what the client made of it.
        run: what became of the client.
        verdicts: what the log of its calls says about it.
        seen: the bytes that a plain socket gets in its place; over MCP those that the client got for its first tool
            call, None if it called none.
    """

    fault: GauntletFault
    survival: Survival
    run: ClientRun
    verdicts: tuple[ClientVerdict, ...]
    seen: Seen | None


async def run_course(course: Course, folder: Path, done: Callable[[], None]) -> list[Result]:
    """Run a course.

    Args:
        course: what to run.
        folder: for the recording.
        done: called after each fault.

    Raises:
        OSError: if the client cannot be started.
        ServeError: if the proxy cannot.
    """
    record_path = folder / "gauntlet.jsonl"
    async with ToolServer() as built_in:
        config = ServeConfig(
            upstreams={"tool": course.url or built_in.url},
            mcp={} if course.mcp_url is None else {_MCP_NAME: McpConfig(url=course.mcp_url, layers=LAYERS)},
            port=0,
            record_path=record_path,
            keep_bodies=True,
        )
        async with running_proxy(config, GauntletPlanner()) as proxy:
            places = asyncio.Semaphore(CLIENTS_AT_ONCE)
            meets = _meet if course.mcp_url is None else _meet_over_mcp

            async def meet(fault: GauntletFault) -> tuple[ClientRun, Seen | None]:
                async with places:
                    met = await meets(course, fault, proxy.host, proxy.port)
                done()
                return met

            met = await asyncio.gather(*(meet(fault) for fault in course.faults))
    records = list(read_jsonl(record_path))
    return [
        _result(fault, run, seen, [record for record in records if record.episode == fault.name])
        for fault, (run, seen) in zip(course.faults, met, strict=True)
    ]


async def _meet(course: Course, fault: GauntletFault, host: str, port: int) -> tuple[ClientRun, Seen | None]:
    """Run the client, then look at what a plain socket gets."""
    url = f"http://{host}:{port}/e/{fault.name}"
    run = await run_client(course.command, url, course.environment, course.limit_s)
    return run, await probe(host, port, _probe_path(fault), _PROBE_SILENCE_S)


async def _meet_over_mcp(
    course: Course, fault: GauntletFault, host: str, port: int
) -> tuple[ClientRun, Seen | None]:
    """Run the client, and look at what it gets itself."""
    async with Tap(host, port) as tap:
        url = f"http://127.0.0.1:{tap.port}/e/{fault.name}/m/{_MCP_NAME}/mcp"
        run = await run_client(course.command, url, course.environment, course.limit_s)
        return run, tap.seen()


def _probe_path(fault: GauntletFault) -> str:
    return f"/e/{fault.name}{_PROBE_SUFFIX}/items"


def _result(
    fault: GauntletFault, run: ClientRun, seen: Seen | None, records: Sequence[TraceRecord]
) -> Result:
    ended_well = None if run.exit_code is None else run.exit_code == 0
    verdicts = client_verdicts(records, ended_well)
    if fault.body_is_true:
        # A log cannot tell that the answer was whole behind its false head.
        verdicts = tuple(verdict for verdict in verdicts if verdict.rule != "garbage_accepted")
    return Result(fault, survival(fault, run.exit_code, run.crashed, records), run, verdicts, seen)
