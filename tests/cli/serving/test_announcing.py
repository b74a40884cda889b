"""What is said about the dashboard: its token is for people at a terminal, and not for logs."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from tests.tool_servers import serving

TIMEOUT_S = 20.0
COMMAND = (sys.executable, "-c", "from earthwire.cli.main import main; main()", "serve", "--port", "0")


@contextlib.contextmanager
def said_about_the_dashboard(stderr_fd: int, read_fd: int) -> Iterator[str]:
    """Serve with this stderr; give the line about the dashboard while it is served."""
    with serving() as tool_url:
        process = subprocess.Popen(
            [*COMMAND, "-u", tool_url, "--admin-port", "0"], stdout=subprocess.DEVNULL, stderr=stderr_fd
        )
        os.close(stderr_fd)
        try:
            with open(read_fd, encoding="utf-8", closefd=True) as said:  # an open descriptor
                yield next(line.strip() for line in said if line.startswith("dashboard:"))
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def test_at_a_terminal_the_address_holds_a_token_that_shows_the_figures() -> None:
    read_fd, stderr_fd = pty.openpty()
    with said_about_the_dashboard(stderr_fd, read_fd) as line:
        found = re.fullmatch(
            r"dashboard: (http://127\.0\.0\.1:\d+)/_earthwire/dashboard#view=([\w-]{40,})", line
        )
        assert found is not None
        headers = {"Authorization": f"Bearer {found[2]}"}
        request = urllib.request.Request(f"{found[1]}/_earthwire/live", headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            assert json.load(response)["calls"] == 0


def test_elsewhere_no_token_of_viewers_is_written_down() -> None:
    read_fd, stderr_fd = os.pipe()
    with said_about_the_dashboard(stderr_fd, read_fd) as line:
        assert re.fullmatch(
            r"dashboard: http://127\.0\.0\.1:\d+/_earthwire/dashboard \(it asks for the admin token\)", line
        )


def test_each_of_several_tool_servers_is_said_with_its_own_address() -> None:
    """The root was said, where none of them is."""
    with serving() as first, serving() as second:
        command = [*COMMAND, "-u", f"a={first}", "-u", f"b={second}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)
    for name, line in zip(("a", "b"), lines, strict=True):
        found = re.fullmatch(
            rf"point the agent's base URL at (http://127\.0\.0\.1:\d+)/t/{name}/ or, .*, \1/e/<episode>/t/{name}/\n",
            line,
        )
        assert found is not None, line
