"""Environments for programs of other people: built once under ``.environments``, and never mixed with ours."""

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".environments"
_BUILD_TIMEOUT_S = 900


class EnvironmentUnavailableError(RuntimeError):
    """An environment cannot be built here; the text says why."""


def python_environment(name: str, *requirements: str) -> Path:
    """Return the Python of an environment that holds some packages; build it if it is not there.

    Args:
        name: of the environment, for people.
        requirements: arguments of ``pip install``; with `ROOT` among them earthwire itself is installed.

    Raises:
        EnvironmentUnavailableError: if the packages cannot be installed.
    """
    with _locked(name):
        folder = _folder(name, requirements)
        python = folder / "bin" / "python"
        if not _is_built(folder):
            _run([sys.executable, "-m", "venv", str(folder)])
            _run(
                [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
            )
            _mark_built(folder)
    return python


def node_environment(name: str, *requirements: str) -> Path:
    """Return the folder of programs of an npm environment, with a Node of its own; build it if it is not there.

    Raises:
        EnvironmentUnavailableError: if there is no npm, or the packages cannot be installed.
    """
    with _locked(name):
        folder = _folder(name, requirements)
        if not _is_built(folder):
            npm = shutil.which("npm")
            if npm is None:
                raise EnvironmentUnavailableError("npm is not installed")
            folder.mkdir(parents=True)
            _run(
                [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "node@22", *requirements]
            )
            _mark_built(folder)
    return folder / "node_modules" / ".bin"


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """Build an environment once, though several processes of a test run may want it at the same time."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder(name: str, requirements: Sequence[str]) -> Path:
    """Return the folder of an environment; other requirements get another folder."""
    material = " ".join(requirements)
    if str(ROOT) in material:
        # Whatever it depends on now.
        material += (ROOT / "pyproject.toml").read_text("utf-8")
    digest = hashlib.sha256(material.encode()).hexdigest()[:8]
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
