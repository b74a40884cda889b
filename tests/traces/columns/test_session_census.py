import numpy as np
import pytest

from earthwire.traces.columns.call_columns import CodedSessions
from earthwire.traces.columns.session_census import SessionCensus, session_counts
from earthwire.traces.columns.session_hashes import session_hashes


def part(names: list[str], codes: list[int]) -> CodedSessions:
    return CodedSessions(names, np.array(codes), session_hashes(names))


def test_sessions_of_several_pieces_are_split_and_others_are_not() -> None:
    census = SessionCensus(
        [session_counts([part(["a", "b"], [0, 1, 1])]), session_counts([part(["b", "c"], [0, 1])])]
    )
    assert census.split(session_hashes(["a", "b", "c", "never seen"])).tolist() == [False, True, False, False]


def test_a_name_that_no_call_uses_is_not_in_a_piece() -> None:
    census = SessionCensus([session_counts([part(["a", "b"], [0])]), session_counts([part(["b"], [0])])])
    assert not census.split(session_hashes(["a", "b"])).any()


def test_parts_of_a_piece_with_dictionaries_of_their_own_are_one() -> None:
    hashes, counts = session_counts([part(["a", "b"], [0, 1, 1]), part(["b", "a"], [0])])
    expected = dict(zip(session_hashes(["a", "b"]).tolist(), [1, 3], strict=True))
    assert dict(zip(hashes.tolist(), counts.tolist(), strict=True)) == expected


@pytest.mark.parametrize(("calls_max", "sessions"), [(1, 1), (5, 1), (6, 2), (10, 2), (11, 3), (99, 3)])
def test_sessions_are_taken_in_the_order_of_their_hashes_until_there_are_calls_enough(
    calls_max: int, sessions: int
) -> None:
    """Three sessions of 7 calls in two pieces, of which 5 count."""
    names = ["a", "b", "c"]
    pieces = [session_counts([part(names, [0, 1, 2] * n)]) for n in (3, 4)]
    ordered = np.sort(session_hashes(names)).tolist()
    assert SessionCensus(pieces).reaching(calls_max, 5) == ordered[sessions - 1]
