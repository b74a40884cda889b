"""Warnings of several processes that are one proxy to its user: what another one has said already is not said again.

How often one process says the same is its own matter. What was said is kept in memory that outlives each worker, under
a lock that the kernel releases where its holder crashes.
"""

import hashlib
import os
import struct
from collections.abc import Callable

REMEMBERED_MAX = 4_096
"""Warnings that are remembered; beyond, each worker says all of its own."""

_ENTRY = struct.Struct("=qQ")
"""Who said it, by process id, and the hash of what was said."""


class SharedWarnings:
    """Takes the warnings of all workers; to be made before they are forked.

    Args:
        warn: is given what was not said yet.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._memory = os.memfd_create("earthwire-warnings", os.MFD_CLOEXEC)

    def __call__(self, text: str) -> None:
        """Say something unless another process has."""
        if self._speaker(text) in (None, os.getpid()):
            self._warn(text)

    def close(self) -> None:
        """Release the memory."""
        os.close(self._memory)

    def _speaker(self, text: str) -> int | None:
        """Return the process that said something first; None, and note this one, if none did."""
        import fcntl  # Here, since other systems than Linux have neither this nor several workers.

        digest = int.from_bytes(
            hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=8).digest()
        )
        fcntl.lockf(self._memory, fcntl.LOCK_EX)
        try:
            entries = os.pread(self._memory, REMEMBERED_MAX * _ENTRY.size, 0)
            speakers = {said: process for process, said in _ENTRY.iter_unpack(entries)}
            if digest not in speakers and len(speakers) < REMEMBERED_MAX:
                os.pwrite(self._memory, _ENTRY.pack(os.getpid(), digest), len(entries))
            return speakers.get(digest)
        finally:
            fcntl.lockf(self._memory, fcntl.LOCK_UN)
