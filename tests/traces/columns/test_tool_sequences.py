import numpy as np
import pytest

from earthwire.traces.columns import tool_sequences
from earthwire.traces.columns.call_columns import NO_SESSION, columns_from_records
from earthwire.traces.columns.calls import Calls, calls_from_records
from earthwire.traces.columns.tool_sequences import ToolSequences, sequences_of, sequences_of_columns
from tests.traces.columns.test_call_store import columns_at, made_records

Row = tuple[str, str, float, bool]


def plainly(calls: Calls) -> list[list[Row]]:
    """Return what the calls of each tool of each session hold, in order: by a loop."""
    found: dict[tuple[int, int], list[Row]] = {}
    for tool, session, kind, latency_s, censored in zip(
        calls.tool.tolist(),
        calls.session.tolist(),
        calls.kind.tolist(),
        calls.latency_s.tolist(),
        calls.censored.tolist(),
        strict=True,
    ):
        row = (calls.tool_names[tool], calls.kind_names[kind], latency_s, censored)
        found.setdefault((session, tool), []).append(row)
    return list(found.values())


def rows_of(sequences: ToolSequences) -> list[list[Row]]:
    found: list[list[Row]] = []
    for begins, tool, kind, latency_s, censored in zip(
        sequences.begins.tolist(),
        sequences.tool.tolist(),
        sequences.kind.tolist(),
        sequences.latency_s.tolist(),
        sequences.censored.tolist(),
        strict=True,
    ):
        found += [[]] if begins else []
        found[-1].append((sequences.tool_names[tool], sequences.kind_names[kind], latency_s, censored))
    return found


def assert_same_rows(found: ToolSequences, calls: Calls) -> None:
    assert sorted(map(repr, rows_of(found))) == sorted(map(repr, plainly(calls)))
    assert found.session_count == calls.session_count
    assert (np.diff(found.sequence) >= 0).all()


@pytest.mark.parametrize("key_bits", [62, 8])
def test_calls_of_a_tool_stay_in_the_order_of_their_session(
    key_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With few bits they do not fit into one number, and are sorted by columns."""
    monkeypatch.setattr(tool_sequences, "_KEY_BITS", key_bits)
    calls = calls_from_records(made_records(500))
    assert_same_rows(sequences_of(calls), calls)


@pytest.mark.parametrize("key_bits", [62, 8])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_columns_give_the_same_as_calls_however_they_come(
    seed: int | None, key_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_sequences, "_KEY_BITS", key_bits)
    records = made_records(600)
    rows = np.arange(600) if seed is None else np.random.default_rng(seed).permutation(600)
    columns = columns_at(records, rows)
    wanted = np.ones(len(columns.session.names), dtype=bool)
    assert_same_rows(sequences_of_columns(columns, wanted, "duration"), calls_from_records(records))


def test_only_the_sessions_asked_for_are_returned() -> None:
    records = made_records(300)
    columns = columns_from_records(records)
    wanted = np.arange(len(columns.session.names)) % 3 == 0
    names = {name for name, is_wanted in zip(columns.session.names, wanted, strict=True) if is_wanted}
    some = [record for record in records if (record.session_id or NO_SESSION) in names]
    assert 0 < len(some) < 300
    assert_same_rows(sequences_of_columns(columns, wanted, "duration"), calls_from_records(some))
    assert len(sequences_of_columns(columns, np.zeros_like(wanted), "duration")) == 0


def test_a_mask_leaves_the_sequences_as_they_were() -> None:
    found = sequences_of(calls_from_records(made_records(200)))
    kept = found.select(np.arange(200) % 2 == 0)
    np.testing.assert_array_equal(kept.sequence, found.sequence[::2])
    assert kept.begins.sum() == len(np.unique(found.sequence[::2]))
