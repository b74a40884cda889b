"""Which sessions lie whole in one piece of what is read: those can be counted as soon as the piece has been read.

Traces mostly come in the order of time, so that nearly all sessions do. The others have to be kept until all is read.
"""

from collections.abc import Iterable

import numpy as np

from earthwire.traces.columns.call_columns import BoolArray, CodedSessions, IntArray
from earthwire.traces.columns.session_hashes import HashArray


class SessionCensus:
    """Counts the calls of every session in pieces of a recording: 16 bytes for each session of a piece.

    Args:
        pieces: at least one: hashes of its sessions, each once, and how many of its calls belong to each.
    """

    def __init__(self, pieces: Iterable[tuple[HashArray, IntArray]]) -> None:
        of_pieces, counts_of_pieces = zip(*pieces, strict=True)
        hashes: HashArray = np.concatenate(of_pieces)
        counts: IntArray = np.concatenate(counts_of_pieces)
        order = np.argsort(hashes)
        hashes, counts = hashes[order], counts[order]
        starts = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1]))[: len(hashes)])
        self._sessions: HashArray = hashes[starts]
        self._counts: IntArray = np.add.reduceat(counts, starts) if len(starts) else counts
        self._split: HashArray = self._sessions[np.diff(np.append(starts, len(hashes))) > 1]

    def split(self, hashes: HashArray) -> BoolArray:
        """Tell which sessions lie in several pieces, shape (n,)."""
        if not len(self._split):
            return np.zeros(len(hashes), dtype=bool)
        place = np.minimum(np.searchsorted(self._split, hashes), len(self._split) - 1)
        return np.asarray(self._split[place] == hashes)

    def reaching(self, calls_max: int, session_calls_max: int) -> int:
        """Return up to which hash sessions make up a number of calls.

        Args:
            calls_max: that number.
            session_calls_max: calls of one session that count.
        """
        total = np.cumsum(np.minimum(self._counts, session_calls_max))
        last = int(np.searchsorted(total, calls_max))
        return int(self._sessions[min(last, len(self._sessions) - 1)])


def session_counts(parts: Iterable[CodedSessions]) -> tuple[HashArray, IntArray]:
    """Return what a census needs of a piece, given the sessions of its calls in at least one part.

    Rows whose code is negative are no calls.
    """
    hashes, counts = [], []
    for part in parts:
        codes = part.codes if part.codes.min(initial=0) >= 0 else part.codes[part.codes >= 0]
        count = np.bincount(codes, minlength=len(part.hashes))
        used = np.flatnonzero(count)
        hashes.append(part.hashes[used])
        counts.append(count[used])
    sessions, which = np.unique(np.concatenate(hashes), return_inverse=True)
    total = np.bincount(which, weights=np.concatenate(counts), minlength=len(sessions))
    return sessions, total.astype(np.int64)
