from dataclasses import replace

import numpy as np

from earthwire.fault_models.laws.rate_limit import REFUSED
from earthwire.grounding.certainty.limit_intervals import limit_intervals
from earthwire.grounding.certainty.scope import Scope
from earthwire.grounding.fits.rate_limits import limit_evidence
from earthwire.traces.columns.calls import Calls, assemble, encode


def limited(quota: int, window_s: float, seed: int, short_by_one: float = 0.0) -> Calls:
    """One client of 3,000 calls, two a second, under a quota in windows that open with its first call."""
    rng = np.random.default_rng(seed)
    now_s, opened_s, left = 1e6, -np.inf, 0
    kinds, starts_s = [], []
    for gap_s in rng.exponential(0.5, 3_000):
        now_s += gap_s
        if now_s >= opened_s + window_s:
            opened_s, left = now_s, quota - int(rng.random() < short_by_one)
        kinds.append("ok" if left > 0 else REFUSED)
        starts_s.append(now_s)
        left -= 1
    nothing = np.full(len(kinds), np.nan)
    return assemble(
        tool=encode(["GET a.example.com/x"] * len(kinds)),
        session=encode(["s"] * len(kinds)),
        kind=encode(kinds),
        seq=np.arange(len(kinds), dtype=float),
        start_ns=np.array(starts_s) * 1e9,
        duration_ns=nothing,
        ttfb_ns=nothing,
        censored=np.zeros(len(kinds), dtype=bool),
        limit_ns=nothing,
    )


def joined(a: Calls, b: Calls) -> Calls:
    """Two sessions of one tool."""
    assert a.kind_names == b.kind_names
    columns = ("tool", "kind", "latency_s", "first_byte_s", "censored", "start_s")
    both = {name: np.concatenate((getattr(a, name), getattr(b, name))) for name in columns}
    session = np.repeat([0, 1], [len(a), len(b)])
    return replace(a, **both, session=session, session_names=("s", "t"))


def stated(calls: Calls) -> Scope:
    scope = Scope()
    limit_intervals(scope, limit_evidence(calls)[0], 0.9)
    return scope


def test_quota_and_window_are_stated_with_intervals_that_hold_the_truth():
    found = stated(limited(20, 47.0, seed=1)).result().stated
    assert found["quota_calls"].covers(20)
    assert not found["quota_calls"].covers(23)
    assert found["window_s"].covers(47.0)
    assert found["window_s"].high - found["window_s"].low < 2.0
    # A window holds its first call and a Poisson number with mean 94 of others.
    assert found["window_calls"].covers(95)
    assert not found["window_calls"].covers(110)


def test_a_quota_that_is_blurred_has_a_wider_interval():
    sharp, blurred = (
        stated(limited(20, 47.0, seed=2, short_by_one=share)).result().stated["quota_calls"]
        for share in (0.0, 0.5)
    )
    assert blurred.covers(20)
    assert blurred.high - blurred.low >= sharp.high - sharp.low


def test_start_times_that_fit_no_window_are_not_stated():
    """Windows of 40 and of 60 s in turn: a call is refused 59 s after a window opened, another passes after 41 s."""
    short, long = limited(20, 40.0, seed=3), limited(20, 60.0, seed=4)
    scope = stated(joined(short, long))
    assert "no one window fits" in scope.result().not_stated["window_s"]


def test_few_windows_give_no_interval_of_their_median():
    evidence = limit_evidence(limited(20, 300.0, seed=4))[0]
    scope = Scope()
    limit_intervals(scope, evidence, 0.9)
    lengths = [len(part) for part in evidence.own_cycles]
    assert lengths[0] <= 6
    assert "windows were seen from end to end" in scope.result().not_stated["window_calls"]


def test_order_alone_tells_no_seconds():
    calls = limited(20, 47.0, seed=5)
    result = stated(replace(calls, start_s=np.full(len(calls), np.nan))).result()
    assert "start times" in result.not_stated["window_s"]
    assert result.stated["quota_calls"].covers(20)
