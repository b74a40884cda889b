"""`earthwire stress` of an agent of a model: what decoys take from it is on the report, as for those of MCP."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earthwire.cli.app import command_line
from tests.model_server import DECOY, OWN, ScriptedModel, tools

AGENT = """
import json, os, sys, urllib.request
turns = [{"role": "user", "content": "How is the weather?"}]
for _ in range(5):
    body = json.dumps({"model": "m", "messages": turns, "tools": TOOLS}).encode()
    url = os.environ["EARTHWIRE_URL"] + "/v1/chat/completions"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        message = json.load(response)["choices"][0]["message"]
    turns.append(message)
    calls = message.get("tool_calls") or []
    if not calls:
        sys.exit(0)
    for call in calls:
        if call["function"]["name"] != "get_weather":
            sys.exit("a tool that I do not have")
        turns.append({"role": "tool", "tool_call_id": call["id"], "content": "22 C"})
sys.exit("it never ends")
"""
RECIPE = """
earthwire_recipe: 1
routes: {{model: {{upstream: "{url}"}}}}
channels: {{action: {{decoys: {{count: 3}}}}}}
costs: {{per_call: 0.01, per_output_token: 0.001}}
"""
SEEDS = 4


@pytest.fixture
def model() -> Iterator[str]:
    """Serve a model that calls a decoy beside its own tool, if there is one, and then another decoy."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ScriptedModel([[OWN, DECOY], [DECOY]])
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(20)
    try:
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_decoys_that_a_model_calls_are_on_the_report_with_their_price(model: str, tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(AGENT.replace("TOOLS", json.dumps(tools("openai_chat"))))
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=model))
    command = [
        "stress",
        f"--agent={sys.executable} {tmp_path / 'agent.py'}",
        f"--recipe={tmp_path / 'recipe.yaml'}",
        f"--output={tmp_path / 'stress.json'}",
        f"--seeds={SEEDS}",
    ]
    outcome = CliRunner().invoke(command_line(), command)
    assert outcome.exit_code in (0, 3), outcome.output
    arms = {arm["arm"]: arm for arm in json.loads((tmp_path / "stress.json").read_text())["arms"]}
    assert {name: arm["success"]["value"] for name, arm in arms.items()} == dict.fromkeys(arms, 1.0)
    assert arms["clean"]["changes"] == {}
    # Two calls a run, three decoys on the list of each; one decoy is called in the first, one in the second.
    assert arms["action"]["changes"] == {"decoys_listed": 6 * SEEDS, "decoys_called": 2 * SEEDS}
    # Clean, two calls of five tokens; with decoys the second takes a further round.
    assert arms["clean"]["cost_per_success"] == pytest.approx(2 * 0.015)
    assert arms["action"]["cost_per_success"] == pytest.approx(3 * 0.015)
