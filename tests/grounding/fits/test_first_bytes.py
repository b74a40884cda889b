from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import stats

from earthwire.config.profile_file import profile_text, read_profile
from earthwire.fault_models import SHARE_LEVELS, Call, Simulation, Wait
from earthwire.grounding.calibrate import calibrate, fit_laws
from earthwire.grounding.fits.first_bytes import TOOL_CALLS_MIN, FirstByteLaws, first_bytes_by_end
from earthwire.traces.columns.calls import BoolArray, Calls, calls_from_records, split_sessions
from earthwire.traces.files.formats import read_all
from tests.grounding.synthetic import make_calls

DATA = Path(__file__).parents[3].parent / "shared" / "data"


def with_first_bytes(calls: Calls, rho: float = -0.6, seed: int = 0) -> Calls:
    """Give calls a first byte whose share is uniform on [.2, .8], correlated with the rank of the latency."""
    share = np.empty(len(calls))
    noise = np.random.default_rng(seed).standard_normal(len(calls))
    for tool in np.unique(calls.tool):
        rows = calls.tool == tool
        score = stats.norm.ppf((stats.rankdata(calls.latency_s[rows]) - 0.5) / rows.sum())
        share[rows] = 0.2 + 0.6 * stats.norm.cdf(rho * score + np.sqrt(1 - rho**2) * noise[rows])
    return replace(calls, first_byte_s=share * calls.latency_s)


def errors(calls: Calls) -> BoolArray:
    """Tell which calls were answered with an error status."""
    return np.char.startswith(np.array(calls.kind_names), "http_")[calls.kind]


def test_the_share_and_its_correlation_are_recovered():
    """800 calls a tool: standard errors are .02 of a share's level (× .6) and (1 - ρ²)/√800 = .023 of ρ."""
    laws, _ = first_bytes_by_end(with_first_bytes(make_calls()))
    assert len(laws.of_tool) == 4
    for law in [*laws.of_tool.values(), laws.overall]:
        assert law.shares == pytest.approx([0.2 + 0.6 * level for level in SHARE_LEVELS], abs=0.05)
        assert law.rank_correlation == pytest.approx(-0.6, abs=0.09)


def test_a_source_that_knows_one_time_only_has_no_such_law():
    calls = make_calls()
    none = FirstByteLaws({}, None)
    assert first_bytes_by_end(calls) == (none, none)
    assert first_bytes_by_end(replace(with_first_bytes(calls), measure="ttfb")) == (none, none)


def test_a_tool_with_few_calls_takes_the_law_of_all():
    calls = with_first_bytes(make_calls(sessions=30, calls_per_session=10, tools=2))
    few = calls.select((calls.tool == 1) | (np.cumsum(calls.tool == 0) < TOOL_CALLS_MIN))
    profile = fit_laws(few)
    assert profile.tools["GET api.example.com/t0"].first_byte is None
    assert Simulation(profile, 1).model("GET api.example.com/t0").first_byte == profile.overall.first_byte


def test_a_first_byte_that_always_comes_last_is_no_trouble():
    calls = make_calls()
    laws, _ = first_bytes_by_end(replace(calls, first_byte_s=calls.latency_s))
    assert {law.rank_correlation for law in laws.of_tool.values()} == {0.0}
    assert set(laws.overall.shares) == {1.0}


def test_errors_whose_body_comes_at_once_are_simulated_so(tmp_path: Path):
    """Those that raise at the status leave with the head, and are to leave as late in simulation."""
    calls = with_first_bytes(make_calls())
    calls = replace(calls, first_byte_s=np.where(errors(calls), calls.latency_s, calls.first_byte_s))
    path = tmp_path / "tools.yaml"
    path.write_text(profile_text(fit_laws(calls)), "utf-8")
    simulation = Simulation(read_profile(path), 3)
    plans = [simulation.draw(Call(str(i % 7), "GET api.example.com/t0")).plan for i in range(300)]
    failed = [plan for plan in plans if plan.outcome.startswith("http_")]
    assert failed
    assert all(plan.first_byte_s == plan.last_byte_s for plan in failed)
    assert all(plan.first_byte_s < 0.9 * plan.last_byte_s for plan in plans if plan.outcome == "ok")


def test_how_sure_a_share_is_rests_on_the_answers_that_it_is_learned_from():
    calls = with_first_bytes(make_calls(calls_per_session=120))
    at_once = replace(calls, first_byte_s=np.where(errors(calls), calls.latency_s, calls.first_byte_s))
    profile = calibrate(at_once, engine="compact")
    laws = profile.tools["GET api.example.com/t0"]
    stated = profile.intervals.tools["GET api.example.com/t0"].stated
    for name in ("first_byte", "error_first_byte"):
        median = getattr(laws, name).shares[SHARE_LEVELS.index(0.5)]
        assert stated[f"{name}_share at p50"].estimate == pytest.approx(median, rel=1e-3)


def test_few_errors_take_the_law_of_all_answers():
    calls = with_first_bytes(make_calls())
    calls = calls.select(~errors(calls) | (np.cumsum(errors(calls)) < TOOL_CALLS_MIN))
    laws, of_errors = first_bytes_by_end(calls)
    assert of_errors.overall is None
    assert laws.overall.count == len(calls)


def test_plans_send_the_first_byte_before_the_last_and_leave_the_last_where_it_was():
    calls = make_calls()
    pair, single = (Simulation(fit_laws(c), 3) for c in (with_first_bytes(calls), calls))
    for i in range(200):
        call = Call(str(i % 7), "GET api.example.com/t0")
        plan, before = pair.draw(call).plan, single.draw(call).plan
        assert plan.last_byte_s == before.last_byte_s
        assert before.first_byte_s == before.last_byte_s
        assert 0.2 * plan.last_byte_s <= plan.first_byte_s * 1.01 < plan.last_byte_s
        assert Wait(plan.first_byte_s) in plan.steps


def test_the_law_survives_the_profile_file(tmp_path: Path):
    profile = fit_laws(with_first_bytes(make_calls()))
    path = tmp_path / "tools.yaml"
    path.write_text(profile_text(profile), "utf-8")
    read = read_profile(path)
    assert read.overall.first_byte == profile.overall.first_byte
    assert msgspec.structs.asdict(read.tools["GET api.example.com/t1"].first_byte) == msgspec.structs.asdict(
        profile.tools["GET api.example.com/t1"].first_byte
    )


@pytest.mark.parametrize("name", ["dev_llmperf", "dev_web_har"])
def test_real_first_bytes_are_closer_than_a_constant_share(name: str):
    """Held-out KS of the time to the first byte, over all tools, against one median share for every call."""
    path = DATA / name / "records.parquet"
    if not path.exists():
        pytest.skip(f"no {path}")
    calls = calls_from_records(read_all([path])).with_latency()
    calls = calls.select((calls.first_byte_s > 0) & ~calls.censored)
    training, held_out = split_sessions(calls, np.random.default_rng(0))
    if name == "dev_llmperf":
        half = np.arange(len(calls)) % 2 == 0
        training, held_out = calls.select(half), calls.select(~half)
    simulation = Simulation(fit_laws(training), 1)
    plans = [
        simulation.draw(Call(str(i), held_out.tool_names[tool])).plan for i, tool in enumerate(held_out.tool)
    ]
    first = np.array([plan.first_byte_s for plan in plans])
    last = np.array([plan.last_byte_s for plan in plans])
    constant = float(np.median(training.first_byte_s / training.latency_s))
    fitted = stats.ks_2samp(first, held_out.first_byte_s).statistic
    print(
        name,
        len(held_out),
        f"{fitted:.3f}",
        f"{stats.ks_2samp(constant * last, held_out.first_byte_s).statistic:.3f}",
    )
    assert fitted < stats.ks_2samp(constant * last, held_out.first_byte_s).statistic
