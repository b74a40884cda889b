from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from earthwire.cli.progress import late_progress
from earthwire.cli.reading import gathering
from earthwire.cli.reading.gathering import GatheredTraces, gather_traces
from earthwire.fault_models.profile import Profile, Provenance
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.counts.pieces import CountedPiece, count_piece
from earthwire.grounding.gap.never_drawn import DrawnCalls
from earthwire.traces import JsonlWriter, TraceFileError, TraceRecord, write_parquet
from earthwire.traces.columns import call_columns, parquet_columns, row_pieces

Write = Callable[[list[TraceRecord], Path], object]


def made_records(count: int = 1_500) -> list[TraceRecord]:
    """Sessions one after the other in time, interleaved, with error bodies that hold fresh ids."""
    rng = np.random.default_rng(3)
    records = []
    for i in range(count):
        status = int(rng.choice([200, 200, 200, 429, 503]))
        records.append(
            TraceRecord(
                tool=f"GET api.example/v1/tool{rng.integers(4)}",
                session_id=f"session {i // 100 * 5 + int(rng.integers(5))}",
                seq=i,
                start_time_unix_nano=1_760_000_000_000_000_000 + i * 10**9,
                duration_ns=int(rng.lognormal(18, 0.5)),
                ttfb_ns=int(rng.lognormal(17, 0.5)),
                outcome="ok" if status == 200 else "http_error",
                http_response_status_code=status,
                content_type="application/json",
                body_class="json_object",
                response_body=None
                if status == 200
                else f'{{"error":"{status}","id":"{rng.integers(2**60):015x}"}}',
            )
        )
    return records


def write_jsonl(records: list[TraceRecord], path: Path) -> None:
    with JsonlWriter(path) as writer:
        for record in records:
            writer.write(record)


def read(*paths: Path) -> GatheredTraces:
    with late_progress() as progress:
        return gather_traces(paths, False, progress)


def laws(*paths: Path) -> Profile:
    """Fit what depends on all that is gathered; engine and intervals depend on the same calls, and take long."""
    found = read(*paths)
    profile = calibrate(
        found.gathered.calls,
        found.provenance,
        found.payloads,
        "compact",
        counts=found.gathered.counts,
        has_intervals=False,
    )
    return msgspec.structs.replace(profile, provenance=Provenance())


@pytest.fixture(params=["all", "sample"])
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with everything within its bounds, and with bounds that are exceeded."""
    if request.param == "sample":
        exceed(monkeypatch)
    return request.param


def exceed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make bounds that 1,500 calls exceed, and pieces that they are cut into, never where batches end."""
    monkeypatch.setattr(gathering, "sample_size", lambda count: 400)
    monkeypatch.setattr(gathering, "PAYLOAD_CALLS_MAX", 700)
    monkeypatch.setattr(gathering, "PAYLOAD_SAMPLE_CALLS", 750)
    monkeypatch.setattr(row_pieces, "PIECE_ROWS", 400)
    monkeypatch.setattr(parquet_columns, "BATCH_ROWS", 150)
    monkeypatch.setattr(call_columns, "BLOCK_CALLS", 333)


def test_parquet_and_records_give_the_same_profile(tmp_path: Path, bounds: str) -> None:
    records = made_records()
    write_jsonl(records, tmp_path / "t.jsonl")
    write_parquet(records, tmp_path / "t.parquet")
    profile = laws(tmp_path / "t.parquet")
    assert profile == laws(tmp_path / "t.jsonl")
    assert sum(tool.calls for tool in profile.tools.values()) == len(records)
    assert any(tool.responses for tool in profile.tools.values())
    assert ("counts of" in read(tmp_path / "t.parquet").provenance.split) == (bounds == "sample")


def with_openings(records: list[TraceRecord]) -> list[TraceRecord]:
    """Return MCP calls of the same tools, a request that no plan is drawn for after each second one."""
    found = []
    for i, record in enumerate(records):
        found.append(msgspec.structs.replace(record, mcp_method_name="tools/call"))
        if i % 2:
            method = ("initialize", "tools/list", "notifications/initialized")[i % 3]
            opening = msgspec.structs.replace(
                record, tool=f"server/{method}", mcp_method_name=method, duration_ns=1_000, outcome="ok"
            )
            found.append(opening)
    return found


def test_requests_of_mcp_that_no_plan_is_drawn_for_teach_nothing(tmp_path: Path, bounds: str) -> None:
    records = made_records()
    write_parquet(records, tmp_path / "calls.parquet")
    expected = laws(tmp_path / "calls.parquet")
    for write, name in ((write_jsonl, "t.jsonl"), (write_parquet, "t.parquet")):
        drawn = DrawnCalls()
        write(with_openings(records), tmp_path / name)
        with late_progress() as progress:
            found = gather_traces([tmp_path / name], False, progress, drawn=drawn)
        assert sum(drawn.left_out().real.values()) == 750
        assert drawn.left_out().real["tools/list"] == 250
        assert found.provenance.calls == sum(source.calls for source in found.provenance.sources) == 1_500
        assert laws(tmp_path / name) == expected


def test_a_method_that_a_recipe_names_is_learned(tmp_path: Path) -> None:
    write_parquet(with_openings(made_records(200)), tmp_path / "t.parquet")
    drawn = DrawnCalls(["tools/list"])
    with late_progress() as progress:
        found = gather_traces([tmp_path / "t.parquet"], False, progress, drawn=drawn)
    assert "server/tools/list" in found.gathered.calls.tool_names
    assert set(drawn.left_out().real) == {"initialize", "notifications/initialized"}


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_traces_of_nothing_but_openings_hold_no_calls(tmp_path: Path, name: str) -> None:
    write: Write = write_jsonl if name.endswith("l") else write_parquet
    write([TraceRecord(tool="server/ping", mcp_method_name="ping", duration_ns=5)], tmp_path / name)
    with pytest.raises(TraceFileError, match="holds no calls of tools"):
        read(tmp_path / name)


def test_a_profile_does_not_depend_on_how_calls_were_split_into_files(tmp_path: Path, bounds: str) -> None:
    """Also where a session lies in several files, one of them in another format, and the files come in any order."""
    records = made_records()
    write_parquet(records, tmp_path / "whole.parquet")
    paths = []
    for i, part in enumerate(np.array_split(np.random.default_rng(4).permutation(len(records)), 3)):
        write: Write = write_jsonl if i == 1 else write_parquet
        paths.append(tmp_path / f"part{i}.{'jsonl' if i == 1 else 'parquet'}")
        write([records[k] for k in part.tolist()], paths[-1])
    whole = laws(tmp_path / "whole.parquet")
    assert laws(*paths) == whole
    assert laws(*paths[::-1]) == whole


def test_sessions_in_one_piece_are_counted_at_once_and_all_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this the tests above would compare one way of counting with itself."""
    exceed(monkeypatch)
    found: list[CountedPiece] = []

    def noted(*args: object) -> CountedPiece:
        found.append(count_piece(*args))
        return found[-1]

    monkeypatch.setattr(gathering, "count_piece", noted)
    write_parquet(made_records(), tmp_path / "t.parquet")
    read(tmp_path / "t.parquet")
    counted = sum(piece.counts.calls for piece in found if piece.counts is not None)
    kept = sum(len(piece.kept) for piece in found)
    assert len(found) == 4
    assert counted > 300
    assert kept > 300
    assert counted + kept == 1_500


def test_other_calls_give_another_profile(tmp_path: Path) -> None:
    records = made_records()
    write_parquet(records, tmp_path / "a.parquet")
    write_parquet(records[:-1], tmp_path / "b.parquet")
    assert laws(tmp_path / "a.parquet") != laws(tmp_path / "b.parquet")


def test_provenance_counts_files_calls_and_sessions(tmp_path: Path) -> None:
    records = made_records()
    write_parquet(records[:1000], tmp_path / "a.parquet")
    write_jsonl(records[1000:], tmp_path / "b.jsonl")
    found = read(tmp_path / "a.parquet", tmp_path / "b.jsonl").provenance
    assert [(source.name, source.calls) for source in found.sources] == [
        ("a.parquet", 1000),
        ("b.jsonl", 500),
    ]
    assert (found.calls, found.sessions, found.latency_measure) == (1500, 75, "duration")
    assert found.window == ("2025-10-09T08:53:20Z", "2025-10-09T09:18:19Z")
    assert found.split == "all"


def test_a_sample_is_told_in_the_provenance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exceed(monkeypatch)
    write_parquet(made_records(), tmp_path / "t.parquet")
    split = read(tmp_path / "t.parquet").provenance.split
    assert "400 calls of 2" in split
    assert "1 in 2 calls" in split


def test_a_bad_row_ends_it_and_leaves_no_thread_behind(tmp_path: Path) -> None:
    records = [TraceRecord(tool="a", duration_ns=-5)]
    write_parquet(records, tmp_path / "t.parquet")
    with pytest.raises(TraceFileError, match="row 1: duration_ns is -5"):
        read(tmp_path / "t.parquet")


def test_files_without_records_are_one_error(tmp_path: Path) -> None:
    write_parquet([], tmp_path / "t.parquet")
    with pytest.raises(TraceFileError, match="holds no records"):
        read(tmp_path / "t.parquet")
