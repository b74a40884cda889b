"""Environments for programs of other people: built once under ``.environments``, and never mixed with ours."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".environments"
_BUILD_TIMEOUT_S = 900


class EnvironmentUnavailableError(RuntimeError):
    """An environment cannot be built here; the text says why."""


def python_environment(name: str, *requirements: str) -> Path:
    """Return the Python of an environment that holds some packages; build it if it is not there.

    Raises:
        EnvironmentUnavailableError: if the packages cannot be installed.
    """
    folder = _folder(name, requirements)
    python = folder / "bin" / "python"
    if not _is_built(folder):
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
        _mark_built(folder)
    return python


def node_environment(name: str, *requirements: str) -> Path:
    """Return the folder of programs of an npm environment, with a Node of its own; build it if it is not there.

    Raises:
        EnvironmentUnavailableError: if there is no npm, or the packages cannot be installed.
    """
    folder = _folder(name, requirements)
    if not _is_built(folder):
        npm = shutil.which("npm")
        if npm is None:
            raise EnvironmentUnavailableError("npm is not installed")
        folder.mkdir(parents=True)
        _run([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "node@22", *requirements])
        _mark_built(folder)
    return folder / "node_modules" / ".bin"


def _folder(name: str, requirements: Sequence[str]) -> Path:
    """Return the folder of an environment; other requirements get another folder."""
    digest = hashlib.sha256(" ".join(requirements).encode()).hexdigest()[:8]
    folder = FOLDER / f"{name}-{digest}"
    if folder.exists() and not _is_built(folder):
        shutil.rmtree(folder)
    return folder


def _is_built(folder: Path) -> bool:
    return (folder / "built").exists()


def _mark_built(folder: Path) -> None:
    (folder / "built").touch()


def _run(command: list[str]) -> None:
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentUnavailableError(f"{command[0]}: {error}") from error
    if result.returncode:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:]
        raise EnvironmentUnavailableError(f"{' '.join(command[:4])} …: {' '.join(last)}")
