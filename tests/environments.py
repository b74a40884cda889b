"""Environments of their own for what tests need and the package does not: foreign clients, mitmproxy.

They are made once, below the repository, and kept; what they hold is part of their name.
"""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ENVIRONMENTS = REPOSITORY / ".environments"
INSTALL_TIMEOUT_S = 280.0


def python_with(*requirements: str) -> Path:
    """Return the interpreter of an environment that holds these packages; skip the test if it cannot be made.

    Args:
        requirements: as for pip; a requirement ``.`` or ``.[extra]`` is the package itself, editable.
    """
    material = "\n".join((*sorted(requirements), (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")))
    folder = ENVIRONMENTS / f"tests-{hashlib.sha256(material.encode()).hexdigest()[:12]}"
    ENVIRONMENTS.mkdir(exist_ok=True)
    with (ENVIRONMENTS / f"{folder.name}.lock").open("w") as lock:
        # Several processes of one test run may want it at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _make(folder, requirements)
    return folder / "bin" / "python"


def _make(folder: Path, requirements: tuple[str, ...]) -> None:
    arguments = [part for one in requirements for part in (("-e", one) if one.startswith(".") else (one,))]
    python = folder / "bin" / "python"
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, timeout=INSTALL_TIMEOUT_S
        )
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
            cwd=REPOSITORY,
            check=True,
            timeout=INSTALL_TIMEOUT_S,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"an environment with {', '.join(requirements)} cannot be made here: {error}")
    (folder / "complete").touch()
