"""Whatever was recorded can be calibrated, written, read back, served and judged, and gives no warning on the way."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from earthwire.config.profile_file import profile_text, read_profile
from earthwire.fault_models import Call, Simulation
from earthwire.grounding import calibrate, fidelity
from earthwire.grounding.correct import correct
from earthwire.grounding.simulated import simulate
from earthwire.grounding.verify import verify
from earthwire.traces.columns.calls import Calls, assemble, encode

LATENCIES = ("usual", "equal", "none", "unknown", "half unknown", "heavy", "coarse", "shortest")
ENDS = (
    "ok",
    "mixed",
    "all faults",
    "unknown",
    "all cancelled",
    "by session",
    "in runs",
    "limited",
    "cut off",
)
SHAPES = ((1, 1, 1), (1, 30, 2), (45, 1, 8), (45, 30, 2), (100, 5, 60))
"""Sessions, calls of each, tools."""


def latencies_s(what: str, n: int, rng: np.random.Generator) -> np.ndarray:
    usual = 0.05 * np.exp(rng.normal(0.0, 0.6, n))
    return {
        "usual": usual,
        "equal": np.full(n, 0.05),
        "none": np.zeros(n),
        "unknown": np.full(n, np.nan),
        "half unknown": np.where(rng.random(n) < 0.5, usual, np.nan),
        "heavy": np.exp(rng.standard_cauchy(n).clip(-15.0, 20.0)),
        "coarse": np.round(usual / 0.05) * 0.05,
        "shortest": np.full(n, 1e-9),
    }[what]


def recording(shape: tuple[int, int, int], latency: str, end: str, seed: int) -> Calls:
    rng = np.random.default_rng(seed)
    sessions, calls, tools = shape
    session = np.repeat(np.arange(sessions), calls)
    n = len(session)
    kind, is_rare, position = np.full(n, "ok", dtype=object), rng.random(n) < 0.2, np.arange(n)
    latency_s, limit_s = latencies_s(latency, n, rng), np.full(n, np.nan)
    changes = {
        "mixed": [("http_5xx:503", is_rare), ("http_4xx:404", rng.random(n) < 0.05)],
        "all faults": [("http_5xx:500", position >= 0)],
        "unknown": [("unknown", position >= 0)],
        "all cancelled": [("cancelled", position >= 0)],
        "by session": [("http_4xx:403", (session % 4 == 0) & (rng.random(n) < 0.7))],
        "in runs": [("conn_error", position // 20 % 5 == 0)],
        "limited": [("http_4xx:429", position % 10 > 6)],
        "cut off": [("timeout", is_rare)],
    }
    for name, rows in changes.get(end, []):
        kind[rows] = name
    censored = np.isin(kind, ("cancelled", "timeout"))
    if end == "cut off":
        latency_s, limit_s = np.where(is_rare, 5.0, latency_s), np.where(is_rare, 5.0, np.nan)
    return assemble(
        tool=encode([f"GET a.example/t{tool}" for tool in rng.integers(tools, size=n)]),
        session=encode([f"s{number}" for number in session]),
        kind=encode(kind.tolist()),
        seq=position.astype(float),
        start_ns=1.7e18 + 1e9 * position if seed % 2 else np.full(n, np.nan),
        duration_ns=latency_s * 1e9,
        ttfb_ns=latency_s * 5e8,
        censored=censored,
        limit_ns=limit_s * 1e9,
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("seed", "latency", "end"), [(i, *pair) for i, pair in enumerate(itertools.product(LATENCIES, ENDS))]
)
def test_an_odd_recording_goes_all_the_way(tmp_path: Path, seed: int, latency: str, end: str) -> None:
    calls = recording(SHAPES[seed % len(SHAPES)], latency, end, seed)
    path = tmp_path / "p.yaml"
    path.write_text(profile_text(calibrate(calls)), "utf-8")
    profile = read_profile(path)
    assert profile_text(profile) == path.read_text("utf-8")
    simulated = simulate(profile, calls, 1)
    assert np.isfinite(simulated.latency_s).all()
    harsh = Simulation(profile, 3, severity=3.0, randomize=True)
    for tool in ("GET a.example/t0", "never recorded"):
        assert harsh.draw(Call("e", tool, "/")).plan.steps
    verify(calls, simulated)
    correct(profile, calls, simulated)
    fidelity(calls, "odd", repeats=1)
