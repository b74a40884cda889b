"""Files that appear under their name whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path to write to for the length of a block; at its end the file has its name, unless the block failed.

    What is there and is no file, such as ``/dev/null`` or a pipe, is written to itself: renaming would replace the
    device for the whole machine. A link stays one, and its target is replaced.

    Args:
        path: that the file is to have; its ending is that of the path that is given.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    target = path.resolve()
    partial = target.with_name(f"partial-{os.getpid()}-{target.name}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
