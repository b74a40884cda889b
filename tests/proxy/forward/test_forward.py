"""The forward proxy over TLS, by real clients: what each kind of fault does to requests, httpx and curl."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from earthwire.cli.agents.children import listens
from earthwire.config.profile_file import profile_text
from earthwire.fault_models import Call, Simulation
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.traces import read_traces
from earthwire.traces.extras import install_command
from foreign.conformance import free_port
from foreign.forward_environment import forward_python

START_TIMEOUT_S = 60.0
CLIENT_TIMEOUT_S = 60.0
LATENCY_S = 0.05
KINDS = {
    "/ok": "ok",
    "/busy": "http_5xx:503",
    "/reset": "conn_error",
    "/silent": "timeout",
    "/cut": "malformed:truncated",
    "/page": "malformed:html",
}
BELOW_HTTP = {
    "/lost": "conn_error:committed",
    "/closed": "conn_error:closed",
    "/after-head": "conn_error:after_head",
    "/in-body": "conn_error:in_body",
    "/unterminated": "malformed:unterminated",
    "/too-long": "malformed:length_too_long",
    "/coding": "malformed:content_coding",
    "/too-short": "malformed:length_too_short",
}
REUSED = "/reused"
BODY = json.dumps({"items": list(range(200))}).encode()
SEED = 7
RECIPE = """
earthwire_recipe: 1
profile: tools.yaml
seed: 1
routes: {{tool: {{upstream: "https://localhost:{port}"}}}}
run: {{intercept: [localhost]}}
record: {{path: record.jsonl}}
"""
CLIENT = """
import json, sys, time
library, base = sys.argv[1:3]
seen = {}
if library == "requests":
    import requests
    session = requests.Session()
    get = lambda url: session.get(url, timeout=2)
else:
    import httpx
    session = httpx.Client(http2=library == "httpx-http2", timeout=2)
    get = session.get
for path in sys.argv[3:]:
    started = time.monotonic()
    try:
        response = get(base + path)
        what = [response.status_code, response.headers.get("content-type"), len(response.content)]
    except Exception as error:
        what = type(error).__name__
    seen[path] = [what, time.monotonic() - started]
print(json.dumps(seen))
"""


class Tool(BaseHTTPRequestHandler):
    """Answers at once, over TLS."""

    protocol_version = "HTTP/1.1"
    paths: list[str]

    def do_GET(self) -> None:
        type(self).paths.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None: ...


@dataclass(frozen=True)
class Forward:
    """A running forward proxy, the tool behind it, and what clients must trust."""

    python: Path
    port: int
    tool_port: int
    paths: list[str]
    authority: Path
    tool_authority: Path
    record: Path
    profile: Profile

    def environment(self, trusted: Path | None = None) -> dict[str, str]:
        bundle = str(trusted or self.authority)
        proxy = f"http://127.0.0.1:{self.port}"
        return {
            **os.environ,
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy),
            **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), bundle),
        }


def laws(kind: str) -> ToolLaws:
    table = LatencyTable(1000, (LATENCY_S,) * len(LEVELS))
    return ToolLaws(1000, 20, OutcomeCounts({START: {kind: 1000}, kind: {kind: 1000}}), {kind: table})


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "tool.pem", folder / "tool.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def forward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forward]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of the tool, and is not installed")
    python = forward_python()
    folder = tmp_path_factory.mktemp("forward")
    certificate, key = make_certificate(folder)
    tools = {
        f"GET localhost{path}": laws(kind)
        for path, kind in (KINDS | BELOW_HTTP | {REUSED: "conn_error:reused"}).items()
    }
    profile = Profile(tools, laws("ok"))
    (folder / "tools.yaml").write_text(profile_text(profile), encoding="utf-8")

    handler = type("Recording", (Tool,), {"paths": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    port, record = free_port(), folder / "record.jsonl"
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(port=server.server_port), encoding="utf-8")
    command = [python.with_name("earthwire"), "forward", "--recipe", recipe, "--port", port]
    options = ["--seed", SEED]
    trust = ["--authority", folder / "authority", "--upstream-ca", certificate]
    process = subprocess.Popen([str(part) for part in (*command, *options, *trust)])
    try:
        authority = folder / "authority" / "mitmproxy-ca-cert.pem"
        wait_until_ready(port, authority, process)
        yield Forward(
            python, port, server.server_port, handler.paths, authority, certificate, record, profile
        )
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)
        server.shutdown()
        server.server_close()


def wait_until_ready(port: int, authority: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait for the port and for what clients are to trust."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        if authority.exists() and listens(port):
            return
        time.sleep(0.05)
    pytest.fail("the forward proxy does not listen")


def ask(forward: Forward, library: str, *paths: str) -> dict[str, list[object]]:
    result = subprocess.run(
        [str(forward.python), "-c", CLIENT, library, f"https://localhost:{forward.tool_port}", *paths],
        env=forward.environment(), capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=True,
    )  # fmt: skip
    answers: dict[str, list[object]] = json.loads(result.stdout)
    return answers


# Inside TLS, Python's clients call a reset connection a closed one.
@pytest.mark.parametrize(
    ("library", "reset", "silent", "cut"),
    [
        ("requests", "ProxyError", "ReadTimeout", "ChunkedEncodingError"),
        ("httpx", "RemoteProtocolError", "ReadTimeout", "RemoteProtocolError"),
        ("httpx-http2", "RemoteProtocolError", "ReadTimeout", "RemoteProtocolError"),
    ],
)
def test_clients_meet_each_kind_of_fault_over_tls(
    forward: Forward, library: str, reset: str, silent: str, cut: str
):
    answers = ask(forward, library, *KINDS)
    assert answers["/ok"][0] == [200, "application/json", len(BODY)]
    busy = answers["/busy"][0]
    assert isinstance(busy, list)
    assert busy[0] == 503
    page = answers["/page"][0]
    assert isinstance(page, list)
    assert page[0] == 200
    assert page[2] != len(BODY)
    assert (answers["/reset"][0], answers["/silent"][0], answers["/cut"][0]) == (reset, silent, cut)
    for path in ("/ok", "/busy", "/reset", "/page"):
        elapsed_s = answers[path][1]
        assert isinstance(elapsed_s, float)
        assert elapsed_s >= LATENCY_S, path


@pytest.mark.parametrize(
    ("library", "closed", "broken", "decoding"),
    [
        ("requests", "ProxyError", "ChunkedEncodingError", "ContentDecodingError"),
        ("httpx", "RemoteProtocolError", "RemoteProtocolError", "DecodingError"),
        ("httpx-http2", "RemoteProtocolError", "RemoteProtocolError", "DecodingError"),
    ],
)
def test_faults_below_http_are_met_over_tls_too(
    forward: Forward, library: str, closed: str, broken: str, decoding: str
):
    forward.paths.clear()
    answers: dict[str, Any] = {
        path: what for path, (what, _) in ask(forward, library, "/ok", *BELOW_HTTP).items()
    }
    assert answers["/ok"] == [200, "application/json", len(BODY)]
    assert answers["/lost"] == answers["/closed"] == closed
    for path in ("/after-head", "/in-body", "/unterminated", "/too-long"):
        assert answers[path] == broken, path
    assert answers["/coding"] == decoding
    # A client of HTTP/1 reads as much as is stated; HTTP/2 tells it that there is more.
    short = answers["/too-short"]
    assert short[2] < len(BODY) if library != "httpx-http2" else short != answers["/ok"], short
    # The tool did its work although its client never heard of it; what the plan ends alone, it never saw.
    assert "/lost" in forward.paths
    assert "/closed" not in forward.paths


@pytest.mark.parametrize(
    ("library", "closed"), [("requests", "ProxyError"), ("httpx", "RemoteProtocolError")]
)
def test_only_a_connection_that_has_served_a_call_is_ended(forward: Forward, library: str, closed: str):
    assert ask(forward, library, REUSED)[REUSED][0] == [200, "application/json", len(BODY)]
    assert ask(forward, library, "/ok", REUSED)[REUSED][0] == closed


def test_curl_meets_a_cut_body(forward: Forward):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    url = f"https://localhost:{forward.tool_port}"
    codes = {
        path: subprocess.run(
            ["curl", "-sS", "-m", "5", "-o", os.devnull, f"{url}{path}"],
            env=forward.environment(), capture_output=True, timeout=CLIENT_TIMEOUT_S, check=False,
        ).returncode
        for path in ("/ok", "/cut", "/reset")
    }  # fmt: skip
    # 18: the transfer ended early. 35, 52 and 56: the connection was lost.
    assert codes["/ok"] == 0
    assert codes["/cut"] in (18, 92)
    assert codes["/reset"] in (35, 52, 56, 92)


def test_what_the_plan_answers_alone_never_reaches_the_tool(forward: Forward):
    forward.paths.clear()
    ask(forward, "requests", "/busy", "/reset", "/ok")
    assert forward.paths == ["/ok"]


def test_other_hosts_are_tunnelled_untouched(forward: Forward):
    """The client trusts the tool's own certificate only: an opened connection would fail."""
    result = subprocess.run(
        [str(forward.python), "-c", CLIENT, "requests", f"https://127.0.0.1:{forward.tool_port}", "/reset"],
        env=forward.environment(forward.tool_authority), capture_output=True, text=True,
        timeout=CLIENT_TIMEOUT_S, check=True,
    )  # fmt: skip
    assert json.loads(result.stdout)["/reset"][0] == [200, "application/json", len(BODY)]


def test_plans_are_those_of_the_same_calls_in_process(forward: Forward):
    ask(forward, "requests", "/ok", "/busy", "/cut")
    wait_for_records(forward.record, 3)
    simulation = Simulation(forward.profile, SEED)
    expected: dict[tuple[str, int], tuple[str, int]] = {}
    records = [record for record in read_traces(forward.record) if record.call_index is not None]
    for record in records:
        assert record.call_index is not None
        key = (record.tool, record.call_index)
        while key not in expected:
            drawn = simulation.draw(Call("default", record.tool))
            plan = drawn.plan
            expected[record.tool, drawn.call_index] = (plan.outcome, int(plan.last_byte_s * 1e9))
        assert (record.plan_outcome, record.plan_last_byte_ns) == expected[key]
        assert record.lateness_ns is None or record.lateness_ns >= 0
    assert {record.outcome for record in records} >= {"ok", "http_error", "malformed"}


def wait_for_records(path: Path, count: int) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if path.exists() and len(path.read_bytes().splitlines()) > count:
            return
        time.sleep(0.02)
    pytest.fail(f"{path} has no {count} records")


def test_the_key_of_the_authority_is_its_owners_alone(forward: Forward):
    folder = forward.authority.parent
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.glob("*ca.pem"))


def test_without_mitmproxy_it_says_how_to_get_it():
    result = subprocess.run(
        [sys.executable, "-c", "from earthwire.cli.main import main; main()", "forward", "--intercept", "localhost"],
        capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert install_command("mitm") in result.stderr


def test_the_core_never_imports_mitmproxy():
    code = "import sys, earthwire.cli.app, earthwire.proxy.server; sys.exit('mitmproxy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=CLIENT_TIMEOUT_S, check=False).returncode == 0
