"""Writes files that appear whole or not at all, and says beforehand which ones cannot be written."""

import os
from collections.abc import Iterable
from pathlib import Path

from earthwire.cli.console import fail, messages
from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.formats import sniff
from earthwire.traces.files.whole_file import whole_file


def check_target(target: Path | None, inputs: Iterable[Path] = ()) -> None:
    """End the command before any work is done if a file could not be written, or would replace an input.

    Args:
        target: file to write; None for none.
        inputs: files that are read, or directories of traces.
    """
    if target is None:
        return
    folder = target.parent
    if not folder.is_dir():
        fail(f"{target}: cannot be written: there is no directory {folder}; make it first")
    if target.is_dir():
        fail(f"{target}: cannot be written: it is a directory; name a file in it")
    if target.exists() and any(_reads(path, target) for path in inputs):
        fail(f"{target}: is an input as well; choose another name for the output")
    if not os.access(folder, os.W_OK):
        fail(f"{target}: cannot be written: Permission denied for the directory {folder}; choose another one")


def _reads(source: Path, target: Path) -> bool:
    """Tell whether a file is what is read, or one of the traces in the directory that is read."""
    if not source.is_dir():
        return source.exists() and target.samefile(source)
    if not target.resolve().is_relative_to(source.resolve()):
        return False
    try:
        sniff(target)
    except TraceFileError:
        return False  # It holds no traces: a profile or report of an earlier run, which may be replaced.
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all; see `earthwire.traces.files.whole_file`."""
    try:
        with whole_file(path) as partial:
            partial.write_text(text, "utf-8")
    except OSError as error:
        fail(f"{path}: cannot be written: {error.strerror}")


def write_page(path: Path, page: str) -> None:
    """Write a report as a page, and say where it is on stderr; stdout is the report's."""
    write_whole(path, page)
    messages().print(f"report with pictures → {path}", markup=False, soft_wrap=True)
