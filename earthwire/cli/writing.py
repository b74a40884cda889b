"""Writes files that appear whole or not at all."""

from pathlib import Path

from earthwire.cli.console import fail, messages


def write_whole(path: Path, text: str) -> None:
    """Write under another name, then rename: the file appears whole or not at all."""
    partial = path.with_name(f"partial-{path.name}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError as error:
        fail(f"{path}: cannot be written: {error.strerror}")
    finally:
        partial.unlink(missing_ok=True)


def write_page(path: Path, page: str) -> None:
    """Write a report as a page, and say where it is on stderr; stdout is the report's."""
    write_whole(path, page)
    messages().print(f"report with pictures → {path}", markup=False, soft_wrap=True)
