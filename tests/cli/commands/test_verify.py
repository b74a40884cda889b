import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from earthwire.config.profile_file import read_profile
from earthwire.fault_models import Call, Simulation
from earthwire.traces import JsonlWriter, TraceRecord, read_traces

Run = Callable[..., subprocess.CompletedProcess[str]]


def simulated(record: TraceRecord, simulation: Simulation) -> TraceRecord:
    plan = simulation.draw(Call(record.session_id or "", record.tool)).plan
    fails = plan.outcome != "ok"
    return msgspec.structs.replace(
        record,
        duration_ns=round(plan.last_byte_s * 1e9),
        outcome="http_error" if fails else "ok",
        http_response_status_code=503 if fails else 200,
    )


@pytest.fixture(scope="module")
def simulation(traces: Path, profile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The requests of `traces`, with latencies and outcomes as the profile draws them."""
    path = tmp_path_factory.mktemp("simulated") / "simulated.jsonl"
    draws = Simulation(read_profile(profile), seed=7)
    with JsonlWriter(path) as writer:
        for record in read_traces(traces):
            writer.write(simulated(record, draws))
    return path


def altered(source: Path, path: Path, factor: float = 1.0, all_ok: bool = False) -> Path:
    with JsonlWriter(path) as writer:
        for record in read_traces(source):
            assert record.duration_ns is not None
            changed = msgspec.structs.replace(record, duration_ns=round(factor * record.duration_ns))
            if all_ok:
                changed = msgspec.structs.replace(changed, outcome="ok", http_response_status_code=200)
            writer.write(changed)
    return path


@pytest.fixture(scope="module")
def report(traces: Path, simulation: Path, run: Run) -> dict[str, object]:
    result = run("verify", "--real", traces, "--sim", simulation, "--repeats", "3", "--json")
    assert result.returncode == 0, result.stdout
    values: dict[str, object] = json.loads(result.stdout)
    return values


def test_a_simulation_of_the_traces_themselves_passes(report: dict[str, object]) -> None:
    assert report["verdict"] == "pass"
    assert report["reasons"] == ["every criterion is met"]


def test_json_holds_both_sides_and_every_figure(
    report: dict[str, object], traces: Path, simulation: Path
) -> None:
    assert (report["real"], report["simulated"]) == (str(traces), str(simulation))
    assert report["real_calls"] == report["simulated_calls"] == 2000
    assert report["real_sessions"] == report["simulated_sessions"] == 100
    assert (report["repeats"], report["seed"]) == (3, 0)
    for name in ("auc", "auc_real", "auc_mock", "gap_closed", "p_value", "fidelity_ratio_500"):
        assert isinstance(report[name], float), name
    assert report["left_out"] == []


@pytest.mark.parametrize(
    ("factor", "all_ok", "reason"),
    [(2.0, False, "AUC"), (0.5, False, "AUC"), (1.0, True, "fault rate 0.0000 against")],
)
def test_a_shifted_copy_fails(
    traces: Path, simulation: Path, tmp_path: Path, run: Run, factor: float, all_ok: bool, reason: str
) -> None:
    """Negative controls: twice as slow, twice as fast, and never failing."""
    path = altered(simulation, tmp_path / "shifted.jsonl", factor, all_ok)
    result = run("verify", "--real", traces, "--sim", path, "--repeats", "1", "--json")
    assert result.returncode == 1
    values = json.loads(result.stdout)
    assert values["verdict"] == "fail"
    assert any(text.startswith(reason) for text in values["reasons"])


def test_a_recording_of_an_overloaded_proxy_is_invalid_and_corrects_nothing(
    traces: Path, simulation: Path, profile: Path, tmp_path: Path, run: Run
) -> None:
    """One call in fifty 3 s late by the proxy's own doing; the same recording without the lag passes."""
    path = tmp_path / "overloaded.jsonl"
    with JsonlWriter(path) as writer:
        for number, record in enumerate(read_traces(simulation)):
            lag_ns = 3 * 10**9 if number % 50 == 0 else 10**5
            writer.write(msgspec.structs.replace(record, proxy_lag_ns=lag_ns))
    before = profile.read_bytes()
    result = run("verify", "--real", traces, "--sim", path, "--repeats", "1", "--correct", profile)
    assert result.returncode == 4, result.stdout
    assert "lag of the proxy itself: p50 0.1 ms, p99 3 s, worst 3 s; 2.0 % of 2,000 calls" in result.stdout
    assert "it was overloaded; serve with more --workers" in result.stdout
    assert result.stdout.rstrip().endswith("verdict: INVALID")
    assert "not corrected" in result.stderr
    assert profile.read_bytes() == before


def with_protocol(source: Path, path: Path, latency_s: float) -> Path:
    """Return the same calls as those of MCP tools, after the requests with which each session begins."""
    begun = set()
    with JsonlWriter(path) as writer:
        for record in read_traces(source):
            if record.session_id not in begun:
                begun.add(record.session_id)
                for method in ("initialize", "tools/list"):
                    opening = TraceRecord(
                        tool=f"server/{method}",
                        mcp_method_name=method,
                        session_id=record.session_id,
                        seq=0,
                        duration_ns=round(latency_s * 1e9),
                        outcome="ok",
                    )
                    writer.write(opening)
            call = {"mcp_method_name": "tools/call", "seq": (record.seq or 0) + 1}
            writer.write(msgspec.structs.replace(record, **call))
    return path


def test_what_no_plan_is_drawn_for_is_not_compared_and_said(
    traces: Path, simulation: Path, tmp_path: Path, run: Run, report: dict[str, object]
) -> None:
    """Of MCP, sessions are opened by requests that pass as they come: here fifty times as fast as recorded."""
    real = with_protocol(traces, tmp_path / "real.jsonl", 0.5)
    sim = with_protocol(simulation, tmp_path / "sim.jsonl", 0.01)
    result = run("verify", "--real", real, "--sim", sim, "--repeats", "3", "--json")
    found = json.loads(result.stdout)
    openings = {"initialize": 100, "tools/list": 100}
    assert found["never_drawn"] == {"real": openings, "simulated": openings}
    same = ("auc", "auc_real", "p_value", "simulated_calls", "real_calls", "verdict", "run_length_real")
    assert {name: found[name] for name in same} == {name: report[name] for name in same}
    text = run("verify", "--real", real, "--sim", sim, "--repeats", "1").stdout
    assert "no plan is drawn for them: 200 real, 200 simulated (initialize, tools/list)" in text


def test_a_recording_of_nothing_but_sessions_that_open_is_an_error(
    traces: Path, tmp_path: Path, run: Run
) -> None:
    with JsonlWriter(tmp_path / "open.jsonl") as writer:
        writer.write(TraceRecord(tool="server/initialize", mcp_method_name="initialize", outcome="ok"))
    result = run("verify", "--real", traces, "--sim", tmp_path / "open.jsonl")
    assert result.returncode == 2
    assert "open.jsonl: holds no calls of tools" in result.stderr


def taken_back(source: Path, path: Path) -> Path:
    """Write every third call of a recording as one that the agent left after the head of the answer."""
    with JsonlWriter(path) as writer:
        for i, record in enumerate(read_traces(source)):
            left = {"outcome": "cancelled", "error_type": "client_left", "latency_censoring": "right"}
            writer.write(msgspec.structs.replace(record, **({} if i % 3 else left)))
    return path


def test_calls_that_the_agent_takes_back_are_no_faults_of_a_tool(
    traces: Path, simulation: Path, report: dict[str, object], tmp_path: Path, run: Run
) -> None:
    impatient = taken_back(simulation, tmp_path / "impatient.jsonl")
    arguments = ("verify", "--real", str(traces), "--sim", str(impatient))
    found = json.loads(run(*arguments, "--json").stdout)
    left = sum(record.outcome == "cancelled" for record in read_traces(impatient))
    sides = [found[f"taken_back_{side}"] for side in ("real", "simulated")]
    assert [side["rate"] * side["count"] for side in sides] == pytest.approx([0, left])
    assert found["simulated_calls"] == report["simulated_calls"] - left
    assert "cancelled" not in found["kinds_simulated"]
    assert found["verdict"] == "insufficient data"
    assert "0.0% of real and 33.4% of simulated calls" in " ".join(found["reasons"])
    assert found["outcomes_simulated"]["rate"] < 1.3 * report["outcomes_simulated"]["rate"]
    assert (
        f"the agent did not wait for them: 0.0% of {found['real_calls']:,} real calls, 33.4% of "
        in run(*arguments).stdout
    )


def test_few_sessions_are_insufficient_data(traces: Path, few_traces: Path, run: Run) -> None:
    result = run("verify", "--real", traces, "--sim", few_traces)
    assert result.returncode == 3
    assert "3 simulated sessions: a verdict needs 20" in result.stdout
    assert result.stdout.rstrip().endswith("verdict: insufficient data")


def test_sides_without_a_common_tool_are_insufficient_data(traces: Path, tmp_path: Path, run: Run) -> None:
    with JsonlWriter(tmp_path / "other.jsonl") as writer:
        writer.write(TraceRecord(tool="other", session_id="s", duration_ns=1_000_000, outcome="ok"))
    result = run("verify", "--real", traces, "--sim", tmp_path / "other.jsonl")
    assert result.returncode == 3, result.stderr
    assert (
        "left out, as only one side has them: GET api.example/v1/search, POST api.example/v1/carts"
        in result.stdout
    )
    assert "no tool is on both sides: name tools alike" in result.stdout
    assert "nan" not in result.stdout


def test_the_table_fits_80_columns(traces: Path, few_traces: Path, run: Run) -> None:
    text = run("verify", "--real", traces, "--sim", few_traces, COLUMNS="80").stdout
    table = text[text.index(" tool") :]
    assert "GET api.example/" in table, "a name is broken at a slash"
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 80


def test_bad_input_is_exit_code_2(traces: Path, tmp_path: Path, run: Run) -> None:
    result = run("verify", "--real", traces, "--sim", tmp_path / "absent.jsonl")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert run("verify", "--real", traces).returncode == 2


def test_a_profile_is_corrected_twice_at_most(traces: Path, profile: Path, tmp_path: Path, run: Run) -> None:
    slow = tmp_path / "slow.jsonl"
    with JsonlWriter(slow) as writer:
        for record in read_traces(traces):
            writer.write(msgspec.structs.replace(record, duration_ns=int(record.duration_ns * 1.5)))
    corrected = tmp_path / "corrected.yaml"
    command = ("verify", "--real", traces, "--sim", slow, "--repeats", 1)
    result = run(*command, "--correct", profile, "-o", corrected)
    assert "corrected profile" in result.stderr
    before, after = read_profile(profile), read_profile(corrected)
    assert after.provenance.corrections == 1
    for name, laws in before.tools.items():
        ratio = after.tools[name].latency["ok"].quantile_s(0.5) / laws.latency["ok"].quantile_s(0.5)
        # 80 % of log 1.5 are taken away.
        assert 0.67 < ratio < 0.79
    run(*command, "--correct", corrected)
    assert read_profile(corrected).provenance.corrections == 2
    refused = run(*command, "--correct", corrected)
    assert refused.returncode == 2
    assert "corrected 2 times already" in refused.stderr


def test_html_holds_every_tool_and_the_verdict(
    traces: Path, simulation: Path, tmp_path: Path, run: Run
) -> None:
    page = tmp_path / "report.html"
    result = run("verify", "--real", traces, "--sim", simulation, "--repeats", "1", "--html", page)
    assert result.stdout.rstrip().endswith("verdict: pass")
    assert str(page) in result.stderr
    text = page.read_text("utf-8")
    for told in ("Verdict: pass", "GET api.example/v1/search", "POST api.example/v1/carts"):
        assert told in text
