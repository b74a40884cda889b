from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.laws.stream import (
    CHUNK_LEVELS,
    CHUNKS_MAX,
    GAP_LEVELS,
    StreamLaw,
    piece_due_s,
    streamed,
)
from earthwire.fault_models.plan import Body, Head, RelayBody, RelayPieces, Wait
from earthwire.fault_models.profile import ErrorResponse, Profile, ToolLaws
from earthwire.fault_models.simulation import Simulation
from earthwire.fault_models.steps.delivery import deliver

EXPONENTIAL = tuple(float(-np.log1p(-min(level, 0.9999))) for level in GAP_LEVELS)
LAW = StreamLaw(100, tuple(20.0 + 80.0 * level for level in CHUNK_LEVELS), EXPONENTIAL)
TABLE = LatencyTable(1_000, tuple(0.1 + i / 100 for i in range(len(LEVELS))))


def all_due(law: StreamLaw, n: int) -> list[tuple[float, ...]]:
    rng = np.random.default_rng(1)
    return [law.due_s(rank, u, 0.25, 1.25) for rank, u in rng.random((n, 2))]


def test_pieces_run_from_the_first_byte_to_the_last_and_never_back():
    for due_s in all_due(LAW, 200):
        assert (due_s[0], due_s[-1]) == (0.25, 1.25)
        assert all(before <= after for before, after in pairwise(due_s))


def test_relative_gaps_follow_their_law():
    """Exponential gaps scaled to their sum: KS of 8,000 is below .022 (α = .001), scaling and table add .02."""
    gaps = [np.diff(due_s) for due_s in all_due(LAW, 200)]
    relative = np.concatenate([gap / gap.mean() for gap in gaps])
    assert stats.kstest(relative[:8_000], "expon").statistic < 0.042
    assert stats.kstest(np.ones(8_000) * 0.99, "expon").statistic > 0.5


def test_the_number_of_chunks_follows_its_law_whatever_its_correlation():
    for rho in (-0.7, 0.0, 0.7):
        law = StreamLaw(100, LAW.chunks, EXPONENTIAL, rho)
        counts = [len(due_s) for due_s in all_due(law, 1_500)]
        # Uniform on 20 to 100 in whole steps: KS at 1,500 is below .051 (α = .001), its ends put together add .01.
        assert stats.kstest(counts, stats.uniform(20, 80).cdf).statistic < 0.065


def test_slow_calls_have_more_chunks_where_they_hang_together():
    law = StreamLaw(100, LAW.chunks, EXPONENTIAL, 0.8)
    ranks = np.random.default_rng(2).random((800, 2))
    counts = [len(law.due_s(rank, u, 0.0, 1.0)) for rank, u in ranks]
    # 6/π asin(.4) = .786; the standard error is about .02.
    assert stats.spearmanr(ranks[:, 0], counts)[0] == pytest.approx(0.786, abs=0.08)


def test_neighbouring_gaps_remember_one_another():
    law = StreamLaw(100, (400.0,) * len(CHUNK_LEVELS), EXPONENTIAL, gap_memory=0.6)
    gaps = [np.diff(due_s) for due_s in all_due(law, 30)]
    before, after = np.concatenate([g[:-1] for g in gaps]), np.concatenate([g[1:] for g in gaps])
    assert stats.spearmanr(before, after)[0] == pytest.approx(6 / np.pi * np.arcsin(0.3), abs=0.05)


def test_one_chunk_comes_with_the_last_byte():
    assert StreamLaw(1, (1.0,) * 13, EXPONENTIAL).due_s(0.5, 0.5, 0.1, 2.0) == (2.0,)


def test_gaps_that_are_all_nothing_are_spread_evenly():
    law = StreamLaw(1, (3.0,) * 13, (0.0,) * 16)
    assert law.due_s(0.5, 0.5, 1.0, 2.0) == (1.0, 1.5, 2.0)


def test_the_number_of_pieces_is_bounded():
    law = StreamLaw(1, (1e9,) * 13, EXPONENTIAL)
    assert len(law.due_s(0.0, 0.5, 0.0, 1.0)) == CHUNKS_MAX


def test_only_a_whole_relayed_body_comes_in_pieces():
    ok = streamed(deliver("ok", 0.1, 0.3, None, 0.5), (0.1, 0.2, 0.3))
    assert RelayPieces((0.1, 0.2, 0.3)) in ok
    assert not any(isinstance(step, RelayBody) for step in ok)
    for kind in ("malformed:truncated", "http_5xx:503", "timeout", "conn_error"):
        steps = deliver(kind, 0.1, 0.3, None, 0.5)
        assert streamed(steps, (0.1, 0.3)) == steps


def test_a_stream_of_ours_is_sent_event_by_event():
    answer = ErrorResponse(1, 200, "text/event-stream", "data: 1\n\ndata: 2\n\nevent: error\ndata: {}\n\n")
    steps = streamed(deliver("semantic_error", 0.1, 0.3, answer, 0.5), (0.1, 0.2, 0.3))
    bodies = [step.data for step in steps if isinstance(step, Body)]
    assert bodies == [b"data: 1\n\n", b"data: 2\n\n", b"event: error\ndata: {}\n\n"]
    head = next(step for step in steps if isinstance(step, Head))
    assert head.content_length == sum(map(len, bodies))
    assert [step.until_s for step in steps if isinstance(step, Wait)][-3:] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 50])
def test_any_number_of_pieces_fits_the_times_in_order_and_ends_with_the_last(count: int):
    due_s = (1.0, 2.0, 3.0)
    found = [piece_due_s(i, count, due_s) for i in range(count)]
    assert found == sorted(found)
    assert found[-1] == 3.0


def test_plans_of_streams_are_a_pure_function_of_the_call():
    laws = ToolLaws(100, 4, OutcomeCounts({START: {"ok": 100}}), {"ok": TABLE}, stream=LAW)
    profile = Profile({"a": laws, "b": laws}, laws)
    one, other = Simulation(profile, 5), Simulation(profile, 5)
    plans = {(tool, i): one.draw(Call("e", tool)).plan for tool in "ab" for i in range(20)}
    assert {(tool, i): other.draw(Call("e", tool)).plan for i in range(20) for tool in "ba"} == plans
    dues = {step.due_s for plan in plans.values() for step in plan.steps if isinstance(step, RelayPieces)}
    assert len(dues) == len(plans)
