import os
from pathlib import Path

import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.folder_files import files_below


def quiet(_: str) -> None:
    """Say nothing."""


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_come_in_order_of_path_and_hidden_ones_are_counted(tmp_path: Path) -> None:
    fill(tmp_path, "b", "a/z", "a/.secret", ".git/objects/1", ".git/objects/2", "c/d/e")
    found = files_below(tmp_path, quiet)
    assert [str(path.relative_to(tmp_path)) for path in found.files] == ["a/z", "b", "c/d/e"]
    assert found.hidden_count == 2


def test_a_hidden_folder_that_is_named_is_searched(tmp_path: Path) -> None:
    fill(tmp_path, ".recordings/1")
    assert len(files_below(tmp_path / ".recordings", quiet).files) == 1


def test_pipes_and_linked_folders_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "real/1")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path)
    assert files_below(tmp_path, quiet).files == (tmp_path / "real" / "1",)


def test_too_many_files_are_one_error_that_says_what_to_do(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{folder}/{i}" for folder in "abc" for i in range(4)))
    assert len(files_below(tmp_path, quiet, files_max=12).files) == 12
    with pytest.raises(TraceFileError, match="holds more than 11 files; name the folders or files"):
        files_below(tmp_path, quiet, files_max=11)


def test_a_long_search_says_where_it_is(tmp_path: Path) -> None:
    fill(tmp_path, *map(str, range(1_000)))
    said: list[str] = []
    files_below(tmp_path, said.append)
    assert said == [f"looking for traces: 1,000 files, in {tmp_path}"]
