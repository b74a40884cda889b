"""An agent's run: a real process, a real proxy, a real tool."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.serve_config import ServeConfig
from earthwire.proxy.stress import OrderServer, ServedRun, serve_run

ORDER = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/orders", json.dumps({"id": "a"}).encode())
print(urllib.request.urlopen(request).read().decode())
print(urllib.request.urlopen(sys.argv[1] + "/orders?id=a").read().decode())
"""


def served(code: str, folder: Path, limit_s: float = 30.0) -> ServedRun:
    async def run() -> ServedRun:
        async with OrderServer() as server:
            config = ServeConfig(
                upstreams={"tool": server.url}, port=0, record_path=folder / "run.jsonl", keep_bodies=True
            )
            command = (sys.executable, "-c", code, "{url}")
            return await serve_run(config, PassThrough(), command, lambda _: os.environ, limit_s, print)

    return asyncio.run(run())


def test_a_run_has_what_the_agent_printed_and_what_it_called(tmp_path: Path) -> None:
    run = served(ORDER, tmp_path)
    assert run.client.exit_code == 0, run.client.said
    assert [json.loads(line)["placed"] for line in run.client.printed.splitlines()] == [1, 1]
    assert [record.http_request_method for record in run.records] == ["POST", "GET"]
    assert list(tmp_path.iterdir()) == [], "nothing is left of the recording"


def test_an_agent_out_of_time_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    run = served(f"print('begun', flush=True)\n{child}", tmp_path, limit_s=2.0)
    assert run.client.exit_code is None
    assert run.client.elapsed_s < 20.0
    assert run.client.printed == b"begun\n"


def test_a_child_that_outlives_its_agent_keeps_nobody_waiting(tmp_path: Path) -> None:
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    run = served(f"import subprocess, sys; {child}", tmp_path)
    assert run.client.exit_code == 0
    assert run.client.elapsed_s < 20.0


@pytest.mark.parametrize("body", ["[]", '{"id": 7}', "{", '{"id": "' + "x" * 101 + '"}'])
def test_the_order_server_takes_orders_only(tmp_path: Path, body: str) -> None:
    code = f"""
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/orders", {body.encode()!r}))
except urllib.error.HTTPError as error:
    sys.exit(error.code == 400 and 7)
"""
    assert served(code, tmp_path).client.exit_code == 7
