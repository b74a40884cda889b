"""Chooses the engine in a process beside the one that fits everything else: half of what fitting a sample takes.

Started before anything else is loaded where the files are large, else as soon as their calls turn out to be many, it
has loaded its libraries by the time that there are calls to choose from. It gets them as arrays on its standard input,
writes one word, and ends. What is chosen is what `choose_engine` chooses; where no process can be started, or it fails,
the choice is made in this one.
"""

import gc
import io
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

if TYPE_CHECKING:
    from earthwire.grounding.engine import Engine
    from earthwire.traces.columns.calls import Calls

LARGE_BYTES = 32 << 20
"""Parquet of this size mostly holds more calls than fitting takes one by one: 160 bytes for each of 200,000."""

# Not from the working directory: what lies there is not ours.
_COMMAND = (sys.executable, "-P", "-m", "earthwire.cli.reading.choice_process")


class ChoiceProcess:
    """A process that chooses one engine, or none."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._writer = ThreadPoolExecutor(1, "earthwire-choice")

    def start_for(self, traces: Iterable[Path]) -> None:
        """Start it at once where the files are so large that a choice will have to be made from a sample."""
        if _parquet_bytes(traces) >= LARGE_BYTES:
            self.start()

    def start(self) -> None:
        """Start it, unless it runs; it waits until it gets calls."""
        if self._process is not None:
            return
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, stderr=nowhere)
        except OSError:
            self._process = None

    def begin(self, timed: "Calls") -> "Callable[[], Engine]":
        """Begin to choose from calls; return what waits for the engine."""
        process = self._process
        if process is None:
            return lambda: _choose(timed)
        answer = self._writer.submit(process.communicate, calls_bytes(timed))

        def chosen() -> "Engine":
            from earthwire.grounding.engine import ENGINES

            word = answer.result()[0].decode()
            found = next((engine for engine in ENGINES if engine == word), None)
            return found or _choose(timed)

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


def _choose(timed: "Calls") -> "Engine":
    from earthwire.grounding.calibrate import fit_laws
    from earthwire.grounding.engine import choose_engine

    return choose_engine(timed, fit_laws)


def _parquet_bytes(paths: Iterable[Path]) -> int:
    """Return the size of the Parquet files among paths and inside directories; what cannot be asked counts as 0."""
    total = 0
    for path in paths:
        for file in path.rglob("*.parquet") if path.is_dir() else [path] * (path.suffix == ".parquet"):
            try:
                total += file.stat().st_size
            except OSError:
                continue
    return total


def calls_bytes(calls: "Calls") -> bytes:
    """Return calls as a file of arrays; names as JSON, since arrays of text would cut zeros off their ends."""
    import numpy as np

    columns = {field.name: getattr(calls, field.name) for field in fields(calls)}
    for name, value in columns.items():
        if not isinstance(value, np.ndarray):
            columns[name] = np.frombuffer(msgspec.json.encode(value), dtype=np.uint8)
    file = io.BytesIO()
    np.savez(file, **columns)
    return file.getvalue()


def calls_from(file: BinaryIO) -> "Calls":
    """Return the calls that `calls_bytes` wrote."""
    import numpy as np

    from earthwire.traces.columns.calls import Calls

    columns = dict(np.load(file, allow_pickle=False))
    for name in ("tool_names", "session_names", "kind_names"):
        columns[name] = tuple(msgspec.json.decode(columns[name].tobytes(), type=list[str]))
    columns["measure"] = msgspec.json.decode(columns["measure"].tobytes())
    return Calls(**columns)


def main() -> None:
    """Load what the choice needs, wait for calls, and write which engine was chosen."""
    # Nothing lives long enough here to be worth collecting, and looking for it takes a tenth of the time of loading.
    gc.disable()
    import scipy.sparse.csgraph  # noqa: F401  Fitting loads it late; here there is time before there are calls.

    import earthwire.grounding  # noqa: F401

    content = sys.stdin.buffer.read()
    if content:
        sys.stdout.write(_choose(calls_from(io.BytesIO(content))))


if __name__ == "__main__":
    main()
