import numpy as np
import pytest

from earthwire.traces.columns import row_pieces
from earthwire.traces.columns.call_columns import CallColumns, CodedSessions, columns_from_records
from earthwire.traces.columns.row_pieces import in_pieces, sessions_in_pieces
from earthwire.traces.columns.session_hashes import session_hashes
from earthwire.traces.record import TraceRecord


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_pieces, "PIECE_ROWS", 10)


def blocks_of(bounds: list[int]) -> list[CallColumns]:
    """Calls 100, 101, … whose session says their position, in blocks that end at the bounds."""
    records = [TraceRecord(tool="a", session_id=f"s{100 + i}") for i in range(bounds[-1])]
    starts = [0, *bounds[:-1]]
    return [
        columns_from_records(records[first:last], 100 + first)
        for first, last in zip(starts, bounds, strict=True)
    ]


def sessions(pieces: list[CallColumns]) -> list[list[str]]:
    return [[piece.session.names[code] for code in piece.session.codes] for piece in pieces]


@pytest.mark.parametrize("bounds", [[25], [10, 20, 25], [3, 5, 18, 25], list(range(1, 26))])
def test_pieces_are_the_same_however_rows_come(bounds: list[int]) -> None:
    pieces = list(in_pieces(blocks_of(bounds), 100))
    assert [len(piece) for piece in pieces] == [10, 10, 5]
    assert [name for piece in sessions(pieces) for name in piece] == [f"s{100 + i}" for i in range(25)]
    assert np.concatenate([piece.position for piece in pieces]).tolist() == list(range(100, 125))


def test_rows_that_were_left_out_do_not_move_the_others_into_another_piece() -> None:
    (block,) = blocks_of([25])
    kept = block.take(np.array([0, 9, 11, 24]))
    assert sessions(list(in_pieces([kept], 100))) == [["s100", "s109"], ["s111"], ["s124"]]
    assert sessions(list(in_pieces([block.take(np.array([24]))], 100))) == [["s124"]]
    assert list(in_pieces([block.take(np.array([], dtype=np.int64))], 100)) == []


@pytest.mark.parametrize("lengths", [[25], [10, 10, 5], [3, 2, 13, 7], [1] * 25, [20, 0, 5]])
def test_sessions_are_cut_where_calls_are(lengths: list[int]) -> None:
    names = ["a"]
    parts = [CodedSessions(names, np.zeros(n, dtype=np.int64), session_hashes(names)) for n in lengths]
    found = [sum(len(part.codes) for part in piece) for piece in sessions_in_pieces(parts)]
    assert found == [10, 10, 5]
