"""What MCP over HTTP costs: the same while serving as in the recording, and told from what the answers say."""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from earthwire.client import EarthwireClient, Episode
from earthwire.fault_models.reward import Ledger, Ledgers, Penalties, Potential, Price, PriceTable
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.mcp.server import McpConfig
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.traces import read_jsonl
from tests.tool_servers import ToolHandler, serving

TOKEN = "a-token-of-the-tests-alone"
TIMEOUT_S = 20.0
_Result = TypeVar("_Result")


class Server(ToolHandler):
    """An MCP server: ``bad`` fails, ``garbled`` answers no JSON, all else succeeds; a notification has no answer."""

    def answer(self, asked: bytes) -> None:
        message = json.loads(asked)
        if "id" not in message:
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if message.get("params", {}).get("name") == "garbled":
            self.send(b'{"jsonrpc": "2.0", ')
            return
        is_error = message.get("params", {}).get("name") == "bad"
        result = {"content": [{"type": "text", "text": "x"}], "isError": is_error}
        self.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())


def open_ledger() -> Ledger:
    prices = PriceTable(Price(per_call=1.0, per_kb=0.5), {})
    potential = Potential(1.0, {"*bad": 5.0, "*good": 3.0})
    return Ledger(prices, Penalties(duplicate_effect=7.0), potential=potential)


def with_client(scenario: Callable[[EarthwireClient], _Result], **options: object) -> _Result:
    """Run a scenario in a thread beside a proxy before the server, with a client of its admin side."""

    async def run() -> _Result:
        with serving(Server) as url:
            mcp = {"files": McpConfig(url=url)}
            config = ServeConfig(upstreams={}, mcp=mcp, port=0, admin=AdminConfig(TOKEN), **options)
            async with running_proxy(config, PassThrough()) as proxy:
                client = EarthwireClient(f"http://127.0.0.1:{proxy.admin.address[1]}", TOKEN)
                async with asyncio.timeout(TIMEOUT_S):
                    return await asyncio.to_thread(scenario, client)

    return asyncio.run(run())


def send(episode: Episode, messages: Sequence[dict[str, Any]]) -> None:
    for message in messages:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(episode.mcp_urls["files"], body, headers)
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()


def spent(messages: Sequence[dict[str, Any]], record: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Send messages in one episode; return its costs as the proxy tells them, and as the recording does."""

    def scenario(client: EarthwireClient) -> dict[str, Any]:
        with client.episode(id="run") as episode:
            send(episode, messages)
            return dict(episode.report().costs or {})

    live = with_client(scenario, record_path=record, spending=partial(Spending, open_ledger, 429))
    ledgers = Ledgers(open_ledger)
    for one in read_jsonl(record):
        ledgers.add(one)
    ledger = ledgers.ledger("run")
    recorded = {
        "total": ledger.spending.cost,
        "charges": msgspec.to_builtins(ledger.spending.charges),
        "shaping": ledger.reward(0.0).shaping,
    }
    return {name: live[name] for name in recorded}, recorded


def call(request_id: int, tool: str, **arguments: object) -> dict[str, Any]:
    return {"id": request_id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def test_the_account_is_the_one_of_the_recording(tmp_path: Path) -> None:
    """A tool that answers `isError` earns nothing, and a notification costs nothing."""
    session = [{"id": 0, "method": "initialize", "params": {}}, {"method": "notifications/initialized"}]
    live, recorded = spent([*session, call(1, "bad"), call(2, "good")], tmp_path / "r.jsonl")
    assert live == recorded
    assert live["charges"]["calls"] == 3.0
    assert live["shaping"] == 3.0


def test_the_same_call_again_is_a_repetition_whatever_its_id(tmp_path: Path) -> None:
    """The server garbles its answer: nobody can tell whether the work was done, and the client asks again."""
    for name, city, is_repeated in (("again", "Oslo", True), ("other", "Rome", False)):
        calls = [call(1, "garbled", city="Oslo"), call(2, "good", city=city)]
        calls[1]["params"]["name"] = "garbled"
        live, _ = spent(calls, tmp_path / f"{name}.jsonl")
        assert (live["charges"].get("duplicate_effects") == 7.0) is is_repeated


def test_a_report_tells_retries_whatever_their_ids() -> None:
    def scenario(client: EarthwireClient) -> tuple[int, int, int]:
        with client.episode() as episode:
            send(episode, [call(i, "bad", city=city) for i, city in enumerate(("Oslo", "Oslo", "Rome"))])
            report = episode.report()
            return report.logical_calls, report.retries, report.gave_up

    assert with_client(scenario) == (2, 1, 2)
