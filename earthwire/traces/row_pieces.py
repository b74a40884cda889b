"""Cuts rows, read one batch after the other, into pieces by row numbers alone: every pass finds the same pieces."""

from collections.abc import Iterable, Iterator

import numpy as np

from earthwire.traces.call_columns import CallColumns, CodedSessions, join_columns

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
        number = (block.position - first_position) // PIECE_ROWS
        bounds = np.flatnonzero(number[1:] != number[:-1]) + 1
        for rows in np.split(np.arange(len(block)), bounds):
            if not len(rows):
                continue
            if held and (held[0].position[0] - first_position) // PIECE_ROWS != number[rows[0]]:
                yield join_columns(held)
                held = []
            held.append(block if len(rows) == len(block) else block.take(rows))
    if held:
        yield join_columns(held)


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
