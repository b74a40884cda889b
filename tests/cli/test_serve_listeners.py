"""``earthwire serve`` with https and on a socket file, as a process."""

import http.client
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tool_servers import ToolHandler, serving

Run = Callable[..., subprocess.CompletedProcess[str]]
END_TIMEOUT_S = 30.0
ANSWER = b"here"


class Tool(ToolHandler):
    body = ANSWER


@pytest.fixture
def tool_url() -> Iterator[str]:
    with serving(Tool) as url:
        yield url


def served(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """Start ``serve``; return the process and the base URL that it printed."""
    command = [
        sys.executable,
        "-c",
        "from earthwire.cli.main import main; main()",
        "serve",
        *map(str, arguments),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("earthwire serves "), line
    return process, line.split()[2]


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    code = process.wait(END_TIMEOUT_S)
    assert process.stdout is not None
    process.stdout.close()
    return code


def test_https_is_served_with_a_certificate(tool_url: str, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem "
        "-addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    files = ("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    process, base = served("-u", tool_url, "--port", 0, *files)
    try:
        assert base.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", int(base.rpartition(":")[2]), context=context)
        connection.request("GET", "/x")
        assert connection.getresponse().read() == ANSWER
        connection.close()
    finally:
        assert end(process) == 0


def test_socket_file_is_served_and_taken_away_at_the_end(tool_url: str, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    process, base = served("-u", tool_url, "--unix", path)
    try:
        assert base == "http+unix://" + str(path).replace("/", "%2F")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received = b""
            while data := client.recv(4096):
                received += data
        assert received.endswith(b"\r\n\r\n" + ANSWER)
    finally:
        assert end(process) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--unix", "p.sock", "--workers", "2"), "--unix goes with one worker"),
        (("--workers", "65"), "--workers: 65 is not in [1, 64]"),
        (("--tls-key", "k.pem"), "--tls-key: is that of a --tls-cert; give both"),
        (("--upstream-key", "k.pem"), "--upstream-key: is that of an --upstream-cert; give both"),
        (("--tls-cert", "absent.pem"), "absent.pem: not PEM files of a certificate and its key"),
        (("--upstream-ca", "absent.pem"), "absent.pem: not a PEM file of certificate authorities"),
    ],
)
def test_what_does_not_fit_is_one_error(run: Run, options: tuple[str, ...], problem: str) -> None:
    result = run("serve", "-u", "https://127.0.0.1:1", "--port", "0", *options)
    assert result.returncode == 2
    assert problem in result.stderr
    assert "Traceback" not in result.stderr
