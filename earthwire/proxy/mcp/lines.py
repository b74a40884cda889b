"""Lines of a byte stream, as they come; a line that is too long passes in pieces."""


class LineSplitter:
    """Cuts a stream into lines with their ends; joined they are the stream, byte for byte.

    Args:
        line_bytes_max: a longer line is given out in pieces as it comes, to be passed on without being understood.
    """

    __slots__ = ("_held", "_in_long_line", "_line_bytes_max")

    def __init__(self, line_bytes_max: int) -> None:
        self._line_bytes_max = line_bytes_max
        self._held = b""
        self._in_long_line = False

    def feed(self, data: bytes) -> list[tuple[bytes, bool]]:
        """Take bytes; return what can go on: each a line and whether it is a whole one."""
        pieces: list[tuple[bytes, bool]] = []
        for part in _at_newlines(data):
            self._held += part
            if self._held.endswith(b"\n"):
                pieces.append((self._held, not self._in_long_line))
                self._held, self._in_long_line = b"", False
            elif len(self._held) > self._line_bytes_max:
                pieces.append((self._held, False))
                self._held, self._in_long_line = b"", True
        return pieces

    def rest(self) -> bytes:
        """Return what is left: a line without its end, or nothing."""
        held, self._held = self._held, b""
        return held


def _at_newlines(data: bytes) -> list[bytes]:
    parts = [part + b"\n" for part in data.split(b"\n")]
    parts[-1] = parts[-1][:-1]
    return [part for part in parts if part]
