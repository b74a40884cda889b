"""How fast, and in how much memory, a profile is learned from millions of calls in Parquet.

    python benchmarks/calibrate_scale.py --rows 10000000

Makes calls from a seed, in the order of their start times, sessions interleaved, into Parquet files of the project's
own schema in a temporary folder; then runs ``earthwire calibrate`` as a user would, on the first half of the files and
on all of them. Rows a second are those of the whole command, from its start to its end, and those of what grows with
the rows: how many more there are, over how much longer they take. What the command spends its time on is told by
another run, part by part.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from earthwire.traces.files.parquet import parquet_schema

SESSION_CALLS = 50
TOOLS = 40
ROW_GROUP_ROWS = 1 << 20
WEEK_NS = 7 * 86_400 * 10**9
FIRST_START_NS = 1_760_000_000 * 10**9
LIMIT_NS = 30 * 10**9
STATUSES = (200, 429, 500, 503)
ERRORS = {
    429: '{{"error":"rate_limited","request_id":"req-{id}"}}',
    500: '{{"error":"internal","trace":"{id}"}}',
    503: '{{"error":"unavailable","request_id":"req-{id}"}}',
}
TEXTS_PER_ERROR = 50
GOAL_ROWS_PER_S = 5e6
MEMORY_STEP_S = 0.01


def main() -> None:
    arguments = parsed_arguments()
    if arguments.parts_of is not None:
        print_parts(arguments.parts_of, arguments.rows)
        return
    with tempfile.TemporaryDirectory(prefix="earthwire-scale-") as name:
        folder = Path(name)
        began_s = time.perf_counter()
        # In a process of its own: the kernel reports the memory of a process that starts another as that one's too.
        making = (folder, arguments.rows, arguments.files, arguments.seed)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(write_calls, *making).result()
        size_bytes = sum(path.stat().st_size for path in folder.iterdir())
        print(
            f"{arguments.rows:,} rows, seed {arguments.seed}, {arguments.files} files, "
            f"{size_bytes / 2**20:.0f} MiB, made in {time.perf_counter() - began_s:.0f} s",
            flush=True,
        )
        print_whole(sorted(folder.glob("*.parquet")), folder / "tools.yaml", arguments.repeats)
        parts = [sys.executable, __file__, "--parts-of", str(folder), "--rows", str(arguments.rows)]
        subprocess.run(parts, check=True)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts-of", type=Path, help="a folder of calls: only print what each part takes")
    return parser.parse_args()


def write_calls(folder: Path, rows: int, files: int, seed: int) -> None:
    """Write `rows` calls as `files` Parquet files, one after the other in time."""
    calls = made_calls(rows, np.random.default_rng(seed))
    schema = parquet_schema(pa)
    bounds = np.linspace(0, rows, files + 1).astype(np.int64)
    for i, (first, last) in enumerate(pairwise(bounds)):
        with pq.ParquetWriter(folder / f"{i}.parquet", schema, compression="zstd") as writer:
            for start in range(first, last, ROW_GROUP_ROWS):
                part = slice(start, min(start + ROW_GROUP_ROWS, last))
                writer.write_table(table({name: values[part] for name, values in calls.items()}, schema))


def made_calls(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return columns of codes and numbers, sorted by start time."""
    length = rng.geometric(1 / SESSION_CALLS, size=2 * rows // SESSION_CALLS + 100)
    length = length[: np.searchsorted(np.cumsum(length), rows) + 1]
    session = np.repeat(np.arange(len(length)), length)[:rows]
    first = np.concatenate(([0], np.cumsum(length)[:-1]))
    seq = np.arange(rows) - first[session]
    tool = np.minimum(rng.zipf(1.5, rows) - 1, TOOLS - 1).astype(np.int32)
    effect = rng.normal(0, 0.4, len(length))[session]
    duration_ns = (1e8 * np.exp(0.1 * tool + effect + rng.normal(0, 0.5, rows))).astype(np.int64)
    # Sessions are good or bad for some calls in a row, so that faults come in runs.
    mood = np.repeat(rng.random(rows // 8 + 1) < 0.08, 8)[:rows]
    error = np.where(rng.random(rows) < np.where(mood, 0.5, 0.01), rng.integers(1, 4, rows), 0)
    is_cut = (rng.random(rows) < 0.002) & (error == 0)
    start_ns = (
        (rng.random(len(length)) * WEEK_NS).astype(np.int64)[session] + seq * 2 * 10**9 + FIRST_START_NS
    )
    columns = {
        "session": session,
        "seq": seq,
        "tool": tool,
        "start_ns": start_ns,
        "duration_ns": np.where(is_cut, -1, duration_ns),
        "ttfb_ns": np.where(is_cut, -1, (duration_ns * rng.beta(8, 2, rows)).astype(np.int64)),
        "error": error.astype(np.int8),
        "is_cut": is_cut,
        "text": rng.integers(TEXTS_PER_ERROR, size=rows).astype(np.int32),
    }
    order = np.argsort(start_ns, kind="stable")
    return {name: values[order] for name, values in columns.items()}


def table(calls: dict[str, np.ndarray], schema: pa.Schema) -> pa.Table:
    """Return rows of the project's own schema; what was not made is null."""
    rows, is_cut, error = len(calls["seq"]), calls["is_cut"], calls["error"]
    is_ok = (error == 0) & ~is_cut
    sessions, session = np.unique(calls["session"], return_inverse=True)
    texts = [ERRORS[status].format(id=f"{i:08x}") for status in STATUSES[1:] for i in range(TEXTS_PER_ERROR)]
    tools = [f"POST api.example.com/v1/tool-{i}" for i in range(TOOLS)]
    status = pa.array(np.array(STATUSES)[error], mask=is_cut)
    known = {
        "schema_version": pa.array(np.ones(rows, dtype=np.int64)),
        "session_id": coded(session, [f"session-{i:08d}" for i in sessions]),
        "seq": pa.array(calls["seq"]),
        "tool": coded(calls["tool"], tools),
        "start_time_unix_nano": pa.array(calls["start_ns"]),
        "duration_ns": pa.array(calls["duration_ns"], mask=is_cut),
        "ttfb_ns": pa.array(calls["ttfb_ns"], mask=is_cut),
        "latency_censoring": coded(is_cut.astype(np.int32), ["none", "right"]),
        "latency_limit_ns": pa.array(np.full(rows, LIMIT_NS), mask=~is_cut),
        "outcome": coded(np.where(is_cut, 2, error > 0), ["ok", "http_error", "timeout"]),
        "http_response_status_code": status,
        "http_response_body_size": pa.array(1_000 + calls["seq"] * 7 % 5_000),
        "content_type": coded(np.zeros(rows, dtype=np.int32), ["application/json"]),
        "response_body": coded((error - 1) * TEXTS_PER_ERROR + calls["text"], texts, is_ok | is_cut),
    }
    columns = [
        known[field.name].cast(field.type) if field.name in known else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def coded(codes: np.ndarray, names: list[str], missing: np.ndarray | None = None) -> pa.DictionaryArray:
    """Return strings by codes; null where `missing`."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=missing), pa.array(names))


def print_whole(paths: list[Path], profile: Path, repeats: int) -> None:
    """Run the command on half of the files and on all, in turn; print each run, and what grows between the best."""
    halves = [paths[: len(paths) // 2], paths]
    rows = [sum(pq.read_metadata(path).num_rows for path in part) for part in halves]
    best_s = [float("inf"), float("inf")]
    for _ in range(repeats):
        for i, part in enumerate(halves):
            wall_s, cpu_s, peak_mib = run_calibrate(part, profile)
            best_s[i] = min(best_s[i], wall_s)
            print(
                f"earthwire calibrate, {rows[i]:,} rows: {wall_s:.2f} s, "
                f"{rows[i] / wall_s / 1e6:.2f} million rows/s, CPU {cpu_s:.2f} s, "
                f"peak memory {peak_mib:.0f} MiB, load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    more, longer_s = rows[1] - rows[0], best_s[1] - best_s[0]
    print(
        f"best of {repeats}: {rows[1] / best_s[1] / 1e6:.2f} million rows/s for the whole command; "
        f"{more / longer_s / 1e6:.2f} million rows/s for what grows with the rows "
        f"({more:,} more took {longer_s:.2f} s more); the goal is {GOAL_ROWS_PER_S / 1e6:g}",
        flush=True,
    )


def run_calibrate(traces: list[Path], profile: Path) -> tuple[float, float, float]:
    """Run the command; return its wall time and CPU time in seconds, and the most memory it held, in MiB."""
    program = str(Path(sys.executable).with_name("earthwire"))
    command = [program, "calibrate", *map(str, traces), "-o", str(profile)]
    began_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        peak_kib = 0
        while process.poll() is None:
            peak_kib = max(peak_kib, resident_kib(process.pid))
            time.sleep(MEMORY_STEP_S)
    wall_s, after = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        sys.exit(f"calibrate failed with exit code {process.returncode}")
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall_s, cpu_s, peak_kib / 1024


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process and of those that it started; 0 where the kernel does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return 0
    return pages * resource.getpagesize() // 1024 + sum(resident_kib(int(child)) for child in started)


def print_parts(folder: Path, rows: int) -> None:
    """Print what each part of the command takes, one after the other in this process."""
    print("parts, one after the other, in a process that has loaded numpy and pyarrow:", flush=True)
    with part("load the rest"):
        from earthwire.cli.progress import late_progress
        from earthwire.cli.reading.choice_process import choice_process
        from earthwire.cli.reading.gathering import gather_traces
        from earthwire.config.profile_file import profile_text
        from earthwire.grounding.calibrate import calibrate
        from earthwire.traces.columns.parquet_columns import parquet_shape, read_row_groups
    paths = sorted(folder.glob("*.parquet"))
    with part("read alone, on one core", rows):
        for shape in map(parquet_shape, paths):
            for groups in shape.runs():
                for _ in read_row_groups(shape, groups, 0, lambda calls: np.zeros(len(calls), dtype=bool)):
                    pass
    with choice_process() as choice, late_progress() as progress:
        with part("read and count", rows):
            read = gather_traces(paths, False, progress, on_many=choice.start)
        with part("fit"):
            fitted = calibrate(
                read.gathered.calls,
                read.provenance,
                read.payloads,
                counts=read.gathered.counts,
                begin_choice=choice.begin,
            )
    with part("write"):
        (folder / "parts.yaml").write_text(profile_text(fitted), "utf-8")
    own, beside = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"  peak memory {own / 1024:.0f} MiB, of the process that chose the engine {beside / 1024:.0f} MiB")


@contextmanager
def part(name: str, rows: int | None = None) -> Iterator[None]:
    """Print what a block takes; CPU time is that of this process."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    yield
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    rate = "" if rows is None else f", {rows / cpu_s / 1e6:.2f} million rows/s of CPU"
    print(f"  {name}: {wall_s:.2f} s, CPU {cpu_s:.2f} s{rate}", flush=True)


if __name__ == "__main__":
    main()
