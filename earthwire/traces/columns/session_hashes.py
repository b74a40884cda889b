"""Hashes of session names: what is chosen by them never depends on which other sessions there are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

HashArray = npt.NDArray[np.uint64]

_MULTIPLIER = np.uint64(0xC6A4A7935BD1E995)
_SHIFT = np.uint64(47)
_WORD_BYTES = 8
_BLOCK_TEXTS = 1 << 13
"""Texts that are hashed at once: what is made of them meanwhile fits into a cache."""


def session_hashes(names: Sequence[str]) -> HashArray:
    """Return 64 bits for each name that depend on it alone, shape (n,): MurmurHash64A (Appleby 2008) of its UTF-8."""
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    ends = np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))
    return text_hashes(np.frombuffer(b"".join(encoded), dtype=np.uint8), np.concatenate(([0], ends)))


def text_hashes(content: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> HashArray:
    """Return the hashes of texts that lie one after the other, shape (n,).

    Texts of equal length are hashed together, word by word: a million of them take a fraction of a second.

    Args:
        content: UTF-8 of the texts.
        offsets: where each begins, and the last one ends, shape (n + 1,).
    """
    begins, lengths = offsets[:-1], np.diff(offsets)
    hashes = np.empty(len(begins), dtype=np.uint64)
    for length in np.unique(lengths).tolist():
        of_length = np.flatnonzero(lengths == length)
        for first in range(0, len(of_length), _BLOCK_TEXTS):
            rows = of_length[first : first + _BLOCK_TEXTS]
            padded = np.zeros((len(rows), -(-length // _WORD_BYTES) * _WORD_BYTES), dtype=np.uint8)
            padded[:, :length] = content[begins[rows, None] + np.arange(length)]
            hashes[rows] = _murmur(padded.view("<u8"), length)
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
