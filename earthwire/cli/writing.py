"""Writes files that appear whole or not at all."""

from pathlib import Path

from earthwire.cli.console import fail


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
