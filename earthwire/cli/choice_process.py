"""Chooses the engine in a process beside the one that fits everything else: half of what fitting a sample takes.

Started while traces are still being read, it has loaded its libraries by the time that there are calls to choose from.
It gets them as arrays on its standard input, writes one word, and ends. What is chosen is what `choose_engine` chooses;
where no process can be started, or it fails, the choice is made in this one.
"""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from typing import BinaryIO, get_args

import msgspec
import numpy as np

from earthwire.grounding.calibrate import fit_laws
from earthwire.grounding.engine import Engine, choose_engine
from earthwire.traces.calls import Calls

# Not from the working directory: what lies there is not ours.
_COMMAND = (sys.executable, "-P", "-m", "earthwire.cli.choice_process")


class ChoiceProcess:
    """A process that chooses one engine, or none."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._writer = ThreadPoolExecutor(1, "earthwire-choice")

    def start(self) -> None:
        """Start it; it waits until it gets calls."""
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, stderr=nowhere)
        except OSError:
            self._process = None

    def begin(self, timed: Calls) -> Callable[[], Engine]:
        """Begin to choose from calls; return what waits for the engine."""
        process = self._process
        if process is None:
            return lambda: choose_engine(timed, fit_laws)
        answer = self._writer.submit(process.communicate, calls_bytes(timed))

        def chosen() -> Engine:
            word = answer.result()[0].decode()
            found = next((engine for engine in get_args(Engine) if engine == word), None)
            return found or choose_engine(timed, fit_laws)

        return chosen

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._process is None:
            return
        with self._process:
            self._process.kill()
            self._writer.shutdown()


@contextmanager
def choice_process() -> Iterator[ChoiceProcess]:
    """Give a `ChoiceProcess` that ends with the block."""
    process = ChoiceProcess()
    try:
        yield process
    finally:
        process.end()


def calls_bytes(calls: Calls) -> bytes:
    """Return calls as a file of arrays; names as JSON, since arrays of text would cut zeros off their ends."""
    columns = {field.name: getattr(calls, field.name) for field in fields(Calls)}
    for name, value in columns.items():
        if not isinstance(value, np.ndarray):
            columns[name] = np.frombuffer(msgspec.json.encode(value), dtype=np.uint8)
    file = io.BytesIO()
    np.savez(file, **columns)
    return file.getvalue()


def calls_from(file: BinaryIO) -> Calls:
    """Return the calls that `calls_bytes` wrote."""
    columns = dict(np.load(file, allow_pickle=False))
    for name in ("tool_names", "session_names", "kind_names"):
        columns[name] = tuple(msgspec.json.decode(columns[name].tobytes(), type=list[str]))
    columns["measure"] = msgspec.json.decode(columns["measure"].tobytes())
    return Calls(**columns)


def main() -> None:
    """Load what the choice needs, wait for calls, and write which engine was chosen."""
    import sklearn.ensemble
    import sklearn.model_selection  # noqa: F401

    content = sys.stdin.buffer.read()
    if content:
        sys.stdout.write(choose_engine(calls_from(io.BytesIO(content)), fit_laws))


if __name__ == "__main__":
    main()
