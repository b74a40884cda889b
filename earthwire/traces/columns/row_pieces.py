"""Cuts rows, read one batch after the other, into pieces by row numbers alone: every pass finds the same pieces."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from earthwire.traces.columns.call_columns import CallColumns, CodedSessions, FloatArray, join_columns

PIECE_ROWS = 1 << 18
"""Rows of a piece: what is made of one meanwhile is small beside what is held of all."""


def in_pieces(blocks: Iterable[CallColumns], first_position: int) -> Iterator[CallColumns]:
    """Yield calls piece by piece; a piece without any is left out.

    Args:
        blocks: calls in the order of their rows, some of which may be missing.
        first_position: of the first row.
    """
    held: list[CallColumns] = []
    for block in blocks:
        for first, last in pairwise(_bounds(block.position - first_position)):
            number = (block.position[first] - first_position) // PIECE_ROWS
            if held and (held[0].position[0] - first_position) // PIECE_ROWS != number:
                yield join_columns(held)
                held = []
            held.append(block if last - first == len(block) else block.take(np.arange(first, last)))
    if held:
        yield join_columns(held)


def _bounds(place: FloatArray) -> list[int]:
    """Return where pieces begin among rising places, and the end of them."""
    if not len(place):
        return []
    ends = np.arange(place[0] // PIECE_ROWS + 1, place[-1] // PIECE_ROWS + 1) * PIECE_ROWS
    return [0, *np.unique(np.searchsorted(place, ends)).tolist(), len(place)]


def sessions_in_pieces(parts: Iterable[CodedSessions]) -> Iterator[list[CodedSessions]]:
    """Yield the sessions of the rows of each piece, in parts; no row may be missing."""
    held: list[CodedSessions] = []
    room = PIECE_ROWS
    for part in parts:
        first = 0
        while first < len(part.codes):
            codes = part.codes[first : first + room]
            held.append(CodedSessions(part.names, codes, part.hashes))
            first += len(codes)
            room -= len(codes)
            if not room:
                yield held
                held, room = [], PIECE_ROWS
    if held:
        yield held
