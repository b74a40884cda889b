"""Which episodes are declared at each worker, in memory that outlives it.

What an episode was declared with is lost with its worker. Its calls must not go on under the recipe's own seed and
laws as if nothing had happened, so the next worker knows which ids were declared, and refuses them.
"""

import hashlib
import mmap

_DIGEST_BYTES = 16
_FREE = bytes(_DIGEST_BYTES)


class DeclaredIds:
    """The declared episodes of one worker.

    Args:
        memory: of the worker, with what the one before it in its place has left.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._slots: dict[bytes, int] = {}
        self._free: list[int] = []
        for slot in reversed(range(len(memory) // _DIGEST_BYTES)):
            digest = bytes(memory[slot * _DIGEST_BYTES : (slot + 1) * _DIGEST_BYTES])
            if digest == _FREE:
                self._free.append(slot)
            else:
                self._slots[digest] = slot
        self._lost = dict.fromkeys(self._slots)

    def add(self, episode: str) -> None:
        """Note that an episode is declared; one that was lost is there again."""
        digest = _digest(episode)
        self._lost.pop(digest, None)
        if digest not in self._slots:
            if not self._free:
                # As many are declared as there may be; what was lost longest ago makes room.
                self._release(next(iter(self._lost)))
            self._slots[digest] = self._free.pop()
            self._write(self._slots[digest], digest)

    def discard(self, episode: str) -> None:
        """Note that an episode is declared no more."""
        digest = _digest(episode)
        if digest in self._slots:
            self._release(digest)

    def is_lost(self, episode: str) -> bool:
        """Tell whether an episode was declared at the worker before this one, and has not been since."""
        return bool(self._lost) and _digest(episode) in self._lost

    def _release(self, digest: bytes) -> None:
        self._lost.pop(digest, None)
        slot = self._slots.pop(digest)
        self._write(slot, _FREE)
        self._free.append(slot)

    def _write(self, slot: int, digest: bytes) -> None:
        self._memory[slot * _DIGEST_BYTES : (slot + 1) * _DIGEST_BYTES] = digest


class DeclaredTable:
    """The memory of all workers; to be made before they are forked.

    Args:
        worker_count: number of workers.
        count_max: episodes that may be declared at each of them.
    """

    def __init__(self, worker_count: int, count_max: int) -> None:
        # Twice as many: all that are declared, beside all that a worker before has lost.
        self._worker_bytes = max(2 * count_max, 1) * _DIGEST_BYTES
        self._memory = memoryview(mmap.mmap(-1, worker_count * self._worker_bytes))

    def of(self, worker: int) -> DeclaredIds:
        """Return the declared episodes of a worker that begins now; only its own process may change them."""
        return DeclaredIds(self._memory[worker * self._worker_bytes : (worker + 1) * self._worker_bytes])


def _digest(episode: str) -> bytes:
    return hashlib.blake2b(episode.encode(), digest_size=_DIGEST_BYTES).digest()
