"""The sessions of rows of Parquet: names that become strings only when they are asked for, and their hashes."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from earthwire.traces.columns.arrow_columns import coded
from earthwire.traces.columns.call_columns import NO_SESSION, CodedSessions
from earthwire.traces.columns.session_hashes import HashArray, session_hashes, text_hashes

if TYPE_CHECKING:
    import pyarrow as pa

_NO_SESSION_HASH = session_hashes((NO_SESSION,))[0]


class SessionColumn:
    """Reads the sessions of batches; those of one row group mostly share a dictionary, which is hashed once."""

    def __init__(self) -> None:
        self._dictionary: pa.Array | None = None
        self._names: Sequence[str] = ()
        self._hashes = session_hashes(())

    def read(self, batch: "pa.RecordBatch") -> CodedSessions:
        """Return the session of each row."""
        codes, dictionary = coded(batch, "session_id")
        if self._dictionary is None or not dictionary.equals(self._dictionary):
            self._dictionary, self._names = dictionary, _SessionNames(dictionary)
            self._hashes = np.append(_text_hashes(dictionary), _NO_SESSION_HASH)
        return CodedSessions(self._names, codes, self._hashes)


class _SessionNames(Sequence[str]):
    """Names of a dictionary and, as the last one, what stands for none; they become strings when they are asked for."""

    def __init__(self, dictionary: "pa.Array") -> None:
        self._dictionary = dictionary

    def __len__(self) -> int:
        return len(self._dictionary) + 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return list(self)[place]
        name = self._dictionary[place].as_py() if place < len(self._dictionary) else None
        return name or NO_SESSION

    def __iter__(self) -> Iterator[str]:
        yield from (name or NO_SESSION for name in self._dictionary.to_pylist())
        yield NO_SESSION


def _text_hashes(dictionary: "pa.Array") -> HashArray:
    """Return the hash of each name of a dictionary, shape (n,); what is empty or null is no session."""
    import pyarrow as arrow

    if dictionary.null_count:
        return session_hashes([name or NO_SESSION for name in dictionary.to_pylist()])
    dictionary = dictionary.cast(arrow.large_string())
    _, offsets, content = dictionary.buffers()
    if content is None:
        return np.full(len(dictionary), _NO_SESSION_HASH)
    bounds = np.frombuffer(offsets, dtype=np.int64)[
        dictionary.offset : dictionary.offset + len(dictionary) + 1
    ]
    hashes = text_hashes(np.frombuffer(content, dtype=np.uint8), bounds)
    hashes[np.diff(bounds) == 0] = _NO_SESSION_HASH
    return hashes
