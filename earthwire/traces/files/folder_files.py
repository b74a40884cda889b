"""The files in a folder that may hold traces, within a bound: nobody means a whole disk."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earthwire.traces.errors import TraceFileError

FOLDER_FILES_MAX = 100_000
"""Files that a folder may hold, with those in the folders below, to be searched for traces."""

_FILES_BETWEEN_TEXTS = 1_000


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """What was found in a folder.

    Attributes:
        files: in order of path; regular files that are not hidden.
        hidden_count: files and folders that were left out because their names begin with a dot.
    """

    files: tuple[Path, ...]
    hidden_count: int


def files_below(
    directory: Path, tell: Callable[[str], None], files_max: int = FOLDER_FILES_MAX
) -> FolderFiles:
    """Find the files in a folder and below, without opening any. Linked folders are not entered.

    Args:
        directory: where to begin; it may be hidden itself.
        tell: is told now and then what has been found.
        files_max: how many files there may be.

    Raises:
        TraceFileError: if there are more.
    """
    files: list[Path] = []
    hidden_count = 0
    for folder, below, names in os.walk(directory):
        hidden_count += sum(name.startswith(".") for name in (*below, *names))
        # `os.walk` enters what is left in this list.
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in names:
            if name.startswith("."):
                continue
            files.append(Path(folder, name))
            if len(files) > files_max:
                raise TraceFileError(
                    directory,
                    f"holds more than {files_max:,} files; name the folders or files that hold traces",
                )
            if len(files) % _FILES_BETWEEN_TEXTS == 0:
                tell(f"looking for traces: {len(files):,} files, in {folder}")
    return FolderFiles(tuple(sorted(path for path in files if path.is_file())), hidden_count)
