import numpy as np

from earthwire.traces.columns.session_hashes import session_hashes

_MASK = (1 << 64) - 1
_MULTIPLIER = 0xC6A4A7935BD1E995


def slow_murmur(data: bytes) -> int:
    """MurmurHash64A word by word, with the last word padded: what the vectorised one is held against."""
    mixed = len(data) * _MULTIPLIER & _MASK
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at : at + 8].ljust(8, b"\0"), "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> 47) * _MULTIPLIER & _MASK
        mixed = (mixed ^ word) * _MULTIPLIER & _MASK
    mixed = (mixed ^ mixed >> 47) * _MULTIPLIER & _MASK
    return mixed ^ mixed >> 47


def test_hashes_are_those_of_the_plain_loop_whatever_the_lengths() -> None:
    names = ["", "a", "12345678", "123456789", "é" * 11, "\ud800", *(f"session-{i:04d}" for i in range(50))]
    expected = [slow_murmur(name.encode("utf-8", "surrogatepass")) for name in names]
    assert session_hashes(names).tolist() == expected


def test_hashes_spread_evenly_over_their_highest_and_lowest_bits() -> None:
    """10,000 names in 64 classes: chi square of 63 degrees of freedom exceeds 121 with probability 1e-5."""
    hashes = session_hashes([f"session-{i:08d}" for i in range(10_000)])
    for bits in (hashes >> np.uint64(58), hashes & np.uint64(63)):
        counts = np.bincount(bits.astype(np.int64), minlength=64)
        assert ((counts - 156.25) ** 2 / 156.25).sum() < 121


def test_no_names_have_no_hashes() -> None:
    assert len(session_hashes([])) == 0
