"""The data plane: forwards, delays, damages, replays and records calls."""

from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.limits import Limits
from earthwire.proxy.running import Reread, run, serve
from earthwire.proxy.serve_config import ServeConfig, ServeError
from earthwire.proxy.server import Proxy, running_proxy
from earthwire.proxy.supervisor import Supervisor, WorkersStarted, run_workers
from earthwire.proxy.upstreams.replay_upstream import MissPolicy, ReplayConfig, ReplayTiming

__all__ = [
    "Limits",
    "MissPolicy",
    "PassThrough",
    "Planner",
    "Proxy",
    "ReplayConfig",
    "ReplayTiming",
    "Reread",
    "ServeConfig",
    "ServeError",
    "Supervisor",
    "WorkersStarted",
    "run",
    "run_workers",
    "running_proxy",
    "serve",
]
