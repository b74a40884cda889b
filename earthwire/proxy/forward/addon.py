"""The addon: draws a plan for each call that mitmproxy intercepts, and performs it."""

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Callable, Coroutine
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import ctx, exceptions

from earthwire.config.located_yaml import FileError
from earthwire.config.profile_file import read_profile
from earthwire.config.shipped import UnknownNameError, profile_path
from earthwire.fault_models.call import Call
from earthwire.fault_models.matching import ToolMatcher
from earthwire.fault_models.severity import SEVERITY_MAX
from earthwire.fault_models.simulation import Simulation
from earthwire.proxy.forward.intercepted_call import ClientLeftError, InterceptedCall
from earthwire.proxy.forward.performance import FlowPerformance
from earthwire.proxy.headers import EPISODE_HEADER
from earthwire.proxy.limits import Limits
from earthwire.proxy.pass_through import PassThrough
from earthwire.proxy.planner import Planner
from earthwire.proxy.recorder import Recorder
from earthwire.proxy.routes import DEFAULT_EPISODE
from earthwire.traces.body_class import is_stream_type
from earthwire.traces.outcome_kind import outcome_of_kind
from earthwire.traces.record import Outcome

if TYPE_CHECKING:
    from mitmproxy.addonmanager import Loader
    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow
    from mitmproxy.proxy.server_hooks import ServerConnectionHookData

_PERFORMANCE = "earthwire"
_HOSTS_REMEMBERED = 1024
_EPISODE_HEADER = EPISODE_HEADER.decode("ascii")
_Perform = Callable[[], Coroutine[None, None, None]]


class SimulatedTools:
    """Makes the tools behind a mitmproxy as slow and as faulty as the recorded ones.

    Its options are those that `load` adds. Which hosts are intercepted at all, mitmproxy's own ``allow_hosts`` says.
    """

    def __init__(self) -> None:
        self._planner: Planner = PassThrough()
        self._recorder: Recorder | None = None
        self._matcher = lru_cache(_HOSTS_REMEMBERED)(self._matcher_of)
        self._clients: dict[str, asyncio.Event] = {}

    # Called by mitmproxy.

    def load(self, loader: "Loader") -> None:
        """Declare the options."""
        loader.add_option(
            "earthwire_profile", str, "", "Profile: a file, or the name of one that is shipped."
        )
        loader.add_option("earthwire_seed", str, "0", "Same seed, same calls: same plans.")
        loader.add_option("earthwire_severity", str, "1", f"0 clean, 1 as recorded, up to {SEVERITY_MAX:g}.")
        loader.add_option("earthwire_record", str, "", "JSONL file that trace records are appended to.")

    def configure(self, updated: set[str]) -> None:
        """Read the profile.

        Raises:
            OptionsError: if an option is wrong; mitmproxy shows the text.
        """
        if updated & {"earthwire_profile", "earthwire_seed", "earthwire_severity"}:
            try:
                self._planner = _planner(
                    ctx.options.earthwire_profile,
                    int(ctx.options.earthwire_seed),
                    float(ctx.options.earthwire_severity),
                )
            except (FileError, UnknownNameError, ValueError) as error:
                raise exceptions.OptionsError(str(error)) from error
            self._matcher.cache_clear()

    def running(self) -> None:
        """Open the record file, now that the loop runs."""
        if ctx.options.earthwire_record:
            queue_count_max = Limits().records_queued_max
            self._recorder = Recorder(
                Path(ctx.options.earthwire_record), asyncio.get_running_loop(), queue_count_max
            )

    def done(self) -> None:
        """Write all records."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def client_connected(self, client: "Client") -> None:
        """Watch for the client's leaving."""
        self._clients[client.id] = asyncio.Event()

    def client_disconnected(self, client: "Client") -> None:
        """End what waits for a client that has left."""
        left = self._clients.pop(client.id, None)
        if left is not None:
            left.set()

    def server_connect(self, data: "ServerConnectionHookData") -> None:
        """Refuse upstreams that hand out secrets to whoever can reach them."""
        address = data.server.address
        if address is not None and _is_link_local(address[0]):
            data.server.error = "link-local addresses are never connected to"

    async def request(self, flow: "HTTPFlow") -> None:
        """Draw; answer at once what the upstream is not to see."""
        if flow.response is not None or flow.error is not None:
            return
        performance = FlowPerformance(self._call(flow), flow)
        flow.metadata[_PERFORMANCE] = performance
        if not performance.is_forwarded:
            await self._performed(performance, performance.answer, flow)

    async def responseheaders(self, flow: "HTTPFlow") -> None:
        """Let streams pass; anything else is waited for whole."""
        performance = flow.metadata.get(_PERFORMANCE)
        if performance is None or flow.response is None:
            return
        if is_stream_type(flow.response.headers.get("content-type")):
            with contextlib.suppress(ClientLeftError):
                await performance.begin_stream()

    async def response(self, flow: "HTTPFlow") -> None:
        """Perform the rest of the plan on the upstream's response."""
        performance = flow.metadata.get(_PERFORMANCE)
        if performance is not None and performance.is_forwarded:
            await self._performed(performance, performance.finish, flow)

    def error(self, flow: "HTTPFlow") -> None:
        """Record a call that came to no end."""
        performance = flow.metadata.get(_PERFORMANCE)
        if performance is not None and not performance.call.aborted:
            self._record(performance.call, flow, "cancelled" if self._has_left(flow) else "conn_error")

    def _call(self, flow: "HTTPFlow") -> InterceptedCall:
        request = flow.request
        host = request.pretty_host
        tool = self._matcher(host).tool(request.method, request.path.partition("?")[0])
        episode = request.headers.pop(_EPISODE_HEADER, DEFAULT_EPISODE)
        drawn = self._planner.draw(Call(episode, tool, request.method, request.path))
        return InterceptedCall(
            episode=episode,
            tool=tool,
            method=request.method,
            host=host,
            drawn=drawn,
            arrival_s=time.monotonic() - (time.time() - request.timestamp_start),
            client_left=self._clients.setdefault(flow.client_conn.id, asyncio.Event()),
        )

    async def _performed(self, performance: FlowPerformance, perform: _Perform, flow: "HTTPFlow") -> None:
        """Perform, and record how it ended."""
        call = performance.call
        try:
            await perform()
        except ClientLeftError:
            if flow.killable:
                flow.kill()
            self._record(call, flow, "cancelled")
            call.aborted = True
            return
        self._record(call, flow, _failure(call.drawn.plan.outcome) if call.aborted else None)

    def _record(self, call: InterceptedCall, flow: "HTTPFlow", failure: Outcome | None) -> None:
        if self._recorder is None:
            return
        response = None if failure is not None else flow.response
        if response is None:
            self._recorder.add(call.record(None, None, None, failure))
            return
        body = None if response.stream else response.get_content(strict=False)
        self._recorder.add(
            call.record(response.status_code, response.headers.get("content-type"), body, failure)
        )

    def _has_left(self, flow: "HTTPFlow") -> bool:
        return flow.client_conn.id not in self._clients

    def _matcher_of(self, host: str) -> ToolMatcher:
        tools = self._planner.profile.tools if isinstance(self._planner, Simulation) else {}
        return ToolMatcher(sorted(tools, key=lambda name: -tools[name].calls), host)


def _planner(profile: str, seed: int, severity: float) -> Planner:
    if not profile:
        return PassThrough()
    return Simulation(read_profile(profile_path(profile)), seed, severity=severity)


def _failure(kind: str) -> Outcome:
    outcome = outcome_of_kind(kind)
    return outcome if outcome in ("timeout", "conn_error") else "conn_error"


def _is_link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False
