"""Opening trace files, plain or gzip, within bounds; naming them without telling where they lie."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from earthwire.traces.errors import TraceFileError

GZIP_MAGIC = b"\x1f\x8b"
WHOLE_FILE_BYTES_MAX = 1 << 30
HEAD_BYTES = 64 * 1024
DAMAGED_GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Source:
    """One source file as its records name it.

    Attributes:
        name: last two parts of the path: enough to tell files apart, no home directory.
        digest: eight hex digits of the content.
    """

    name: str
    digest: str

    @property
    def session_id(self) -> str:
        """One file is one recording session; the digest tells equal names apart."""
        return f"{self.digest}/{self.name}"

    def record_id(self, index: int) -> str:
        """Return 16 hex digits that are the same whenever the same file is read."""
        key = f"{self.digest}/{self.name}#{index}".encode()
        return hashlib.blake2b(key, digest_size=8).hexdigest()


def source_of(path: Path, content: bytes) -> Source:
    """Name a source by its path and content."""
    return Source("/".join(path.parts[-2:]).lstrip("/"), hashlib.blake2b(content, digest_size=4).hexdigest())


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading, through gzip where its content starts like gzip.

    Raises:
        TraceFileError: if the file cannot be opened.
    """
    try:
        file = path.open("rb")
        if file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
            file.close()
            return cast(BinaryIO, gzip.open(path, "rb"))
    except OSError as error:
        raise TraceFileError(path, f"cannot be read: {error.strerror}") from error
    file.seek(0)
    return file


def read_head(path: Path) -> bytes:
    """Return the first (decompressed) bytes of a file, enough to recognise its format."""
    with open_binary(path) as file:
        try:
            return file.read(HEAD_BYTES)
        except DAMAGED_GZIP_ERRORS as error:
            raise TraceFileError(
                path, f"damaged gzip data ({error}); decompress it by hand to see"
            ) from error


def read_whole(path: Path) -> bytes:
    """Return the (decompressed) content of a file.

    Raises:
        TraceFileError: if it is longer than `WHOLE_FILE_BYTES_MAX`, damaged or not readable.
    """
    with open_binary(path) as file:
        try:
            content = file.read(WHOLE_FILE_BYTES_MAX + 1)
        except DAMAGED_GZIP_ERRORS as error:
            raise TraceFileError(
                path, f"damaged gzip data ({error}); decompress it by hand to see"
            ) from error
    if len(content) > WHOLE_FILE_BYTES_MAX:
        raise TraceFileError(path, f"longer than {WHOLE_FILE_BYTES_MAX} bytes; split the file first")
    return content


def line_of(content: bytes, position: int) -> int:
    """Return the line, counted from 1, of a byte position."""
    return content.count(b"\n", 0, position) + 1
