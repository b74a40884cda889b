"""What commands write."""

import os
from pathlib import Path

import pytest

from earthwire.cli.writing import write_whole


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes on this platform")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    other_end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        write_whole(path, "a profile")
        assert path.is_fifo()
        assert os.read(other_end, 100) == b"a profile"
    finally:
        os.close(other_end)
