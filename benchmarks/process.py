"""Processes that are measured: starting, stopping, their CPU time and their memory."""

import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from earthwire.cli.agents.children import listens

REPOSITORY = Path(__file__).parents[1]
STOP_TIMEOUT_S = 20.0
START_TIMEOUT_S = 30.0
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Contender:
    """A running proxy: its name, its port, and the process whose CPU time (with all children) is measured."""

    name: str
    port: int
    process: subprocess.Popen[bytes]


def launch(name: str, port: int, command: list[str]) -> Contender:
    """Start a process and wait until it listens."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        if listens(port):
            return Contender(name, port, process)
        time.sleep(0.05)
    stop(process)
    raise SystemExit(f"{name} does not listen on port {port}: {' '.join(command)}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(STOP_TIMEOUT_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pid: int) -> float:
    """Return user plus system time of a process and its living children, in seconds."""
    return sum(_own_cpu_s(member) for member in family(pid))


def family(pid: int) -> list[int]:
    """Return a process and its living children, and theirs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(member for child in children for member in family(int(child)))]


def _own_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S
