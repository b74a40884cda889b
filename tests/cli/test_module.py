"""``python -m earthwire`` is the program, too."""

import subprocess
import sys


def test_the_package_can_be_run() -> None:
    command = [sys.executable, "-m", "earthwire", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("earthwire ")
