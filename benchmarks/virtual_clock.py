"""How many simulated calls a second one worker serves to an episode whose time is virtual."""

import json
import sys
import urllib.request

from closed_load import load
from contenders import SUBJECT
from process import free_port, launch, stop
from subject import ADMIN_TOKEN

CONNECTION_COUNT = 32
LATENCY_S = 5.0


def virtual_calls_hz(upstream_port: int, duration_s: float) -> float:
    """Return the calls a second over HTTP, each planned to take five seconds, on kept-alive connections."""
    port, admin_port = free_port(), free_port()
    upstream = f"http://127.0.0.1:{upstream_port}"
    options = ["--with-profile", "--latency", str(LATENCY_S), "--admin-port", str(admin_port)]
    command = [sys.executable, SUBJECT, "earthwire", str(port), upstream, *options]
    proxy = launch("earthwire", admin_port, command)
    try:
        path = declare_episode(admin_port)
        return load(port, duration_s, CONNECTION_COUNT, path=path) / max(1, round(duration_s))
    finally:
        stop(proxy.process)


def declare_episode(admin_port: int) -> str:
    """Declare an episode with a virtual clock; return the path of its calls."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{admin_port}/_earthwire/episodes",
        json.dumps({"id": "virtual", "clock": "virtual"}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {ADMIN_TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        assert response.status == 201
    return "/e/virtual/x.json"
