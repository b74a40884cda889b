"""The data plane: forwards, delays, damages, replays and records calls."""

from earthwire.proxy.limits import Limits
from earthwire.proxy.pass_through import PassThrough
from earthwire.proxy.planner import Planner
from earthwire.proxy.replay_upstream import MissPolicy, ReplayConfig, ReplayTiming
from earthwire.proxy.serve_config import ServeConfig, ServeError
from earthwire.proxy.server import Proxy, run, running_proxy, serve

__all__ = [
    "Limits",
    "MissPolicy",
    "PassThrough",
    "Planner",
    "Proxy",
    "ReplayConfig",
    "ReplayTiming",
    "ServeConfig",
    "ServeError",
    "run",
    "running_proxy",
    "serve",
]
