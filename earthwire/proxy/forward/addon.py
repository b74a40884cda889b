"""The addon: draws a plan for each call that mitmproxy intercepts, and performs it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import ctx, exceptions

from earthwire.config.located_yaml import FileError
from earthwire.config.profile_file import read_profile
from earthwire.config.recipe import read_recipe
from earthwire.config.recipe_simulation import recipe_simulation
from earthwire.config.shipped import UnknownNameError, profile_path, recipe_path
from earthwire.fault_models.call import Call
from earthwire.fault_models.conditions.severity import SEVERITY_MAX
from earthwire.fault_models.profile import ToolLaws
from earthwire.fault_models.siblings.matching import ToolMatcher
from earthwire.fault_models.simulation import Simulation
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.calls.routes import DEFAULT_EPISODE
from earthwire.proxy.calls.unknown_tools import UnknownTools
from earthwire.proxy.forward.intercepted_call import ClientLeftError, InterceptedCall
from earthwire.proxy.forward.performance import FlowPerformance
from earthwire.proxy.limits import Limits
from earthwire.proxy.listening import warn_on_stderr
from earthwire.proxy.recording.recorder import Recorder
from earthwire.proxy.upstreams.address_rules import is_link_local
from earthwire.proxy.wire.baggage import episode_in_baggage
from earthwire.proxy.wire.headers import EPISODE_HEADER
from earthwire.traces.labels.body_class import is_stream_type
from earthwire.traces.labels.outcome_kind import outcome_of_kind
from earthwire.traces.record import Outcome

if TYPE_CHECKING:
    from mitmproxy.addonmanager import Loader
    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow, Request
    from mitmproxy.proxy.server_hooks import ServerConnectionHookData

_PERFORMANCE = "earthwire"
_HOSTS_REMEMBERED = 1024
_EPISODE_HEADER = EPISODE_HEADER.decode("ascii")
_Perform = Callable[[], Coroutine[None, None, None]]
_LAWS = ("earthwire_recipe", "earthwire_profile", "earthwire_seed", "earthwire_severity")


class _ConnectedClient:
    """One connection of a client.

    Attributes:
        left: set when it is gone.
        calls: that it has sent.
    """

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.calls = 0


class SimulatedTools:
    """Makes the tools behind a mitmproxy as slow and as faulty as the recorded ones.

    Its options are those that `load` adds. Which hosts are intercepted at all, mitmproxy's own ``allow_hosts`` says.
    """

    def __init__(self) -> None:
        self._planner: Planner = PassThrough()
        self._unknown_tools = UnknownTools((), warn_on_stderr)
        self._recorder: Recorder | None = None
        self._matcher = lru_cache(_HOSTS_REMEMBERED)(self._matcher_of)
        self._server: str | None = None
        self._started_s = time.monotonic()
        self._clients: dict[str, _ConnectedClient] = {}

    # Called by mitmproxy.

    def load(self, loader: "Loader") -> None:
        """Declare the options."""
        for name, text in (
            (
                "recipe",
                "Recipe: a file, or the name of one that is shipped; its laws count where no option does.",
            ),
            ("profile", "Profile: a file, or the name of one that is shipped."),
            ("seed", "Same seed, same calls: same plans; 0 unless a recipe says otherwise."),
            ("severity", f"0 clean, 1 as recorded, up to {SEVERITY_MAX:g}."),
            ("record", "JSONL file that trace records are appended to."),
        ):
            loader.add_option(f"earthwire_{name}", str, "", text)

    def configure(self, updated: set[str]) -> None:
        """Read recipe and profile.

        Raises:
            OptionsError: if an option is wrong; mitmproxy shows the text.
        """
        if not updated.isdisjoint(_LAWS):
            try:
                self._server, self._planner = _laws(*(getattr(ctx.options, name) for name in _LAWS))
            except (FileError, UnknownNameError, ValueError) as error:
                raise exceptions.OptionsError(str(error)) from error
            self._matcher.cache_clear()
            self._unknown_tools = UnknownTools(self._tools, warn_on_stderr)

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
        self._clients[client.id] = _ConnectedClient()

    def client_disconnected(self, client: "Client") -> None:
        """End what waits for a client that has left."""
        gone = self._clients.pop(client.id, None)
        if gone is not None:
            gone.left.set()

    def server_connect(self, data: "ServerConnectionHookData") -> None:
        """Refuse upstreams that hand out secrets to whoever can reach them."""
        address = data.server.address
        if address is not None and _names_link_local(address[0]):
            data.server.error = "link-local addresses are never connected to"

    async def request(self, flow: "HTTPFlow") -> None:
        """Draw; answer at once what the upstream is not to see."""
        if flow.response is not None or flow.error is not None:
            return
        client = self._clients.setdefault(flow.client_conn.id, _ConnectedClient())
        performance = FlowPerformance(self._call(flow, client), flow, reused=client.calls > 0)
        client.calls += 1
        flow.metadata[_PERFORMANCE] = performance
        if not performance.is_forwarded:
            await self._performed(performance, performance.answer, flow)

    async def responseheaders(self, flow: "HTTPFlow") -> None:
        """Let streams pass; anything else is waited for whole."""
        performance = flow.metadata.get(_PERFORMANCE)
        if performance is None or flow.response is None:
            return
        if performance.relays_whole and is_stream_type(flow.response.headers.get("content-type")):
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

    def _call(self, flow: "HTTPFlow", client: _ConnectedClient) -> InterceptedCall:
        request = flow.request
        host = request.pretty_host
        tool = self._matcher(host).tool(request.method, request.path.partition("?")[0])
        self._unknown_tools.meet(tool)
        episode = _episode(request)
        arrival_s = time.monotonic() - (time.time() - request.timestamp_start)
        at_s = max(0.0, arrival_s - self._started_s)
        drawn = self._planner.draw(Call(episode, tool, request.method, request.path, at_s=at_s))
        return InterceptedCall(
            episode=episode,
            tool=tool,
            method=request.method,
            host=host,
            planner=self._planner,
            drawn=drawn,
            arrival_s=arrival_s,
            client_left=client.left,
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
        tools = self._tools
        return ToolMatcher(sorted(tools, key=lambda name: -tools[name].calls), self._server or host)

    @property
    def _tools(self) -> "Mapping[str, ToolLaws]":
        return self._planner.profile.tools if isinstance(self._planner, Simulation) else {}


def _laws(recipe: str, profile: str, seed: str, severity: str) -> tuple[str | None, Planner]:
    """Return the host in the profile's tool keys, None for that of each request, and what draws.

    Raises:
        FileError: if recipe or profile cannot be read.
        UnknownNameError: if nothing is shipped under a name.
        ValueError: if seed or severity is no number, or out of range.
    """
    given: dict[str, object] = {"profile": profile} if profile else {}
    given |= {"seed": int(seed)} if seed else {}
    given |= {"severity": float(severity)} if severity else {}
    if recipe:
        written = read_recipe(recipe_path(recipe)).model_copy(update=given)
        return written.server, recipe_simulation(written) or PassThrough()
    if not profile:
        return None, PassThrough()
    laws = read_profile(profile_path(profile))
    return None, Simulation(laws, int(seed or 0), severity=float(severity or 1.0))


def _episode(request: "Request") -> str:
    """Return the episode of a request; its header is never seen by the tool."""
    named = request.headers.pop(_EPISODE_HEADER, None)
    baggage = [value.encode("latin-1", "replace") for value in request.headers.get_all("baggage")]
    return named or episode_in_baggage(baggage) or DEFAULT_EPISODE


def _failure(kind: str) -> Outcome:
    outcome = outcome_of_kind(kind)
    return "conn_error" if outcome == "ok" else outcome


def _names_link_local(host: str) -> bool:
    try:
        return is_link_local(host)
    except ValueError:
        return False  # A name, which mitmproxy resolves.
