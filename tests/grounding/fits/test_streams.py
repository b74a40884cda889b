import numpy as np
import pytest

from earthwire.fault_models.laws.stream import CHUNK_LEVELS, GAP_LEVELS, StreamLaw
from earthwire.grounding.fits.payloads import gather
from earthwire.grounding.fits.streams import STREAMS_MIN, StreamTally
from earthwire.traces.record import TraceRecord

TRUTH = StreamLaw(
    1,
    tuple(30.0 + 40.0 * level for level in CHUNK_LEVELS),
    tuple(float(-np.log1p(-min(level, 0.9999))) for level in GAP_LEVELS),
    chunk_rank_correlation=0.6,
    gap_memory=0.5,
)


def recorded(law: StreamLaw, count: int, tool: str = "llm", seed: int = 1) -> list[TraceRecord]:
    """Draw streams from a law; their latency is log-normal."""
    rng = np.random.default_rng(seed)
    records = []
    for rank, u in rng.random((count, 2)):
        latency_s = float(np.exp(2.0 * rank))
        gaps_s = np.diff(law.due_s(rank, u, 0.2 * latency_s, latency_s))
        gaps_ns = [int(gap_s * 1e9) for gap_s in gaps_s]
        records.append(
            TraceRecord(
                tool=tool, outcome="ok", duration_ns=int(latency_s * 1e9), stream=True, chunk_gaps_ns=gaps_ns
            )
        )
    return records


def law_of(records: list[TraceRecord]) -> StreamLaw | None:
    return gather(records).stream_law("llm")


def test_a_known_law_is_recovered():
    found = law_of(recorded(TRUTH, 400))
    assert found is not None
    assert found.count == 400
    # A quantile of a uniform of width 40 at n = 400: standard error at most 40 × .5/20 = 1, and chunks are whole.
    assert np.allclose(found.chunks, TRUTH.chunks, atol=3.5)
    # 16,000 gaps of memory .5, about 5,000 independent ones; scaling by their own sum and the tables add to it.
    inner = slice(2, -2)
    assert np.allclose(found.gaps[inner], TRUTH.gaps[inner], rtol=0.12, atol=0.03)
    # Correlations of logarithms are a little below those of normal scores.
    assert found.gap_memory == pytest.approx(0.5, abs=0.1)
    assert found.chunk_rank_correlation == pytest.approx(0.6, abs=0.12)


def test_even_gaps_are_not_taken_for_uneven_ones():
    even = StreamLaw(1, TRUTH.chunks, (1.0,) * len(GAP_LEVELS))
    found = law_of(recorded(even, 100))
    assert found is not None
    assert np.allclose(found.gaps, 1.0, atol=0.011)
    assert found.gap_memory == pytest.approx(0.0, abs=0.05)


def test_counts_add_up_in_any_order():
    records = recorded(TRUTH, 40)
    whole, parts = StreamTally(), (StreamTally(), StreamTally())
    for i, record in enumerate(records):
        whole.add(record)
        parts[i % 2].add(record)
    parts[1].join(parts[0])
    one, other = whole.law(), parts[1].law()
    assert one is not None
    assert other is not None
    assert (one.count, one.chunks, one.gaps) == (other.count, other.chunks, other.gaps)
    assert one.gap_memory == pytest.approx(other.gap_memory, abs=1e-3)


def test_too_few_streams_and_records_without_gaps_make_no_law():
    records = recorded(TRUTH, STREAMS_MIN - 1)
    assert law_of(records) is None
    assert law_of([*records, TraceRecord(tool="llm", outcome="ok", duration_ns=5)]) is None
    assert law_of([*records, *recorded(TRUTH, 1)]) is not None


def test_tools_taken_together_have_a_law_too():
    bank = gather([*recorded(TRUTH, 3, "a"), *recorded(TRUTH, 3, "b")])
    assert bank.stream_law("a") is None
    overall = bank.overall_stream_law()
    assert overall is not None
    assert overall.count == 6
