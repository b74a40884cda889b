"""What gathering holds of calls in the order of time: measured in processes of their own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from earthwire.traces.files.parquet import parquet_schema  # noqa: E402

ROWS = 500_000
SESSION_CALLS = 50
GATHER = """
import re, sys
from pathlib import Path
from earthwire.cli.reading.gathering import gather_traces
from earthwire.cli.progress import late_progress
with late_progress() as progress:
    read = gather_traces([Path(name) for name in sys.argv[1:]], False, progress)
# Not from getrusage, which begins with the memory of the process that started this one.
peak_kib = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(read.gathered.counts.calls, peak_kib)
"""


def write_part(path: Path, part: int) -> None:
    """Write calls of which twenty sessions at a time take turns."""
    row = np.arange(ROWS)
    turn, place = np.divmod(row, 20 * SESSION_CALLS)
    rng = np.random.default_rng(part)
    known = {
        "schema_version": np.ones(ROWS, dtype=np.int64),
        "session_id": pa.array([f"{part}-{session}" for session in (turn * 20 + place % 20).tolist()]),
        "seq": place // 20,
        "tool": pa.DictionaryArray.from_arrays(rng.integers(5, size=ROWS).astype(np.int32), list("abcde")),
        "start_time_unix_nano": (part * ROWS + row) * 10**7,
        "duration_ns": rng.integers(10**6, 10**9, ROWS),
        "outcome": pa.DictionaryArray.from_arrays(np.zeros(ROWS, dtype=np.int32), ["ok"]),
    }
    columns = [
        pa.array(known[field.name]).cast(field.type) if field.name in known else pa.nulls(ROWS, field.type)
        for field in parquet_schema(pa)
    ]
    pq.write_table(pa.table(columns, schema=parquet_schema(pa)), path, row_group_size=1 << 18)


def gathered(*paths: Path) -> tuple[int, int]:
    """Return how many calls were counted, and the peak memory in bytes."""
    command = [sys.executable, "-c", GATHER, *map(str, paths)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(found[0]), int(found[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_calls(tmp_path: Path) -> None:
    """Three times the calls: holding the others would take 49 bytes for each, 49 MB, and as columns twice that.

    Both runs read two files at a time at most, and what either needs scatters by 10 MB from run to run.
    """
    paths = [tmp_path / f"{part}.parquet" for part in range(6)]
    for part, path in enumerate(paths):
        write_part(path, part)
    few, few_bytes = gathered(*paths[:2])
    many, many_bytes = gathered(*paths)
    assert (few, many) == (2 * ROWS, 6 * ROWS)
    assert many_bytes - few_bytes < 40e6
