"""Several workers as users run them: a supervisor process, its workers, and a tool that answers at once."""

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tool_servers import ToolHandler, serving

END_TIMEOUT_S = 30.0
ANSWER = b'{"state": "ready"}'

SCRIPT = """
import json, sys
from pathlib import Path
from earthwire.config.profile_file import read_profile
from earthwire.fault_models import Simulation
from earthwire.proxy import PassThrough, ServeConfig, Supervisor
from earthwire.proxy.listening import warn_on_stderr

upstream, record, profile, worker_count, regime_clock = sys.argv[1:]
planner = Simulation(read_profile(Path(profile)), 7, regime_clock=regime_clock) if profile else PassThrough()
record_path = Path(record) if record else None
keys = tuple(planner.profile.tools) if profile else ()
config = ServeConfig(upstreams={"tool": upstream}, port=0, record_path=record_path, tool_keys=keys)
supervisor = Supervisor(config, planner, int(worker_count), warn_on_stderr)

def say(started):
    print(json.dumps({"port": started.port, "ports": started.ports, "pids": started.pids}), flush=True)

supervisor.run(say)
print(json.dumps([supervisor.scoreboard.written_count(worker) for worker in range(int(worker_count))]))
"""


class Tool(ToolHandler):
    """Answers at once, with the path that it saw and the bytes of body that it got."""

    def answer(self, asked: bytes) -> None:
        self.send(ANSWER, {"X-Saw": f"{self.path} {len(asked)}"})


@pytest.fixture(scope="session")
def tool_url() -> Iterator[str]:
    with serving(Tool) as url:
        yield url


class Workers:
    """A running supervisor."""

    def __init__(self, process: subprocess.Popen[str], said: dict[str, object]) -> None:
        self.process = process
        self.port = said["port"]
        self.ports = said["ports"]
        self.pids = said["pids"]
        self.written_counts: list[int] = []
        self.messages = ""

    def stop(self) -> int:
        """End it in order; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        output, self.messages = self.process.communicate(timeout=END_TIMEOUT_S)
        if output:
            self.written_counts = json.loads(output)
        return self.process.returncode


@pytest.fixture
def workers(tool_url: str) -> Callable[..., "contextlib.AbstractContextManager[Workers]"]:
    @contextlib.contextmanager
    def start(
        count: int,
        record: Path | None = None,
        profile: Path | None = None,
        upstream: str = tool_url,
        regime_clock: str = "calls",
    ) -> Iterator[Workers]:
        arguments = (upstream, str(record or ""), str(profile or ""), str(count), regime_clock)
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not re.match(r"\{", line):
                process.kill()
                pytest.fail(f"did not start: {process.communicate(timeout=END_TIMEOUT_S)[1]}")
            yield Workers(process, json.loads(line))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise

    return start
