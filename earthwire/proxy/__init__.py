"""The data plane: forwards, delays, damages, replays and records calls."""

from earthwire.proxy.limits import Limits
from earthwire.proxy.pass_through import PassThrough
from earthwire.proxy.planner import Planner
from earthwire.proxy.replay_upstream import MissPolicy, ReplayConfig, ReplayTiming
from earthwire.proxy.running import Reread, run, serve
from earthwire.proxy.serve_config import ServeConfig, ServeError
from earthwire.proxy.server import Proxy, running_proxy
from earthwire.proxy.supervisor import Supervisor, WorkersStarted, run_workers

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
