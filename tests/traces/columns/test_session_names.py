import numpy as np
import pytest

from earthwire.traces.columns.session_hashes import session_hashes
from earthwire.traces.columns.session_names import SessionNames

NAMES = [f"session {i}" for i in range(1_000)]


def kept(order: list[str], names_max: int, block: int) -> tuple[int, list[str]]:
    names = SessionNames(64, names_max)
    for start in range(0, len(order), block):
        part = order[start : start + block]
        names.add(part, session_hashes(part))
    low = np.uint64(names.bucket_count) << np.uint64(58) if names.bucket_count < 64 else None
    hashes = session_hashes(NAMES)
    inside = hashes if low is None else hashes[hashes < low]
    return names.bucket_count, sorted(names.name(hashed) for hashed in inside.tolist())


def test_all_names_are_kept_while_they_fit() -> None:
    assert kept(NAMES, 1_000, 10) == (64, sorted(NAMES))


@pytest.mark.parametrize("block", [1, 7, 1_000])
def test_which_names_are_kept_does_not_depend_on_their_order_or_how_often_they_come(block: int) -> None:
    expected = kept(NAMES, 100, 50)
    assert 80 <= len(expected[1]) <= 100
    shuffled = [NAMES[i] for i in np.random.default_rng(1).permutation(len(NAMES))]
    assert kept(shuffled + NAMES, 100, block) == expected


def test_one_range_is_kept_even_where_it_is_too_large() -> None:
    assert kept(NAMES, 1, 100)[0] == 1
