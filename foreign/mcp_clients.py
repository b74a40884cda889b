"""The official MCP SDKs as clients of the proxy and of a wrapped server: each meets each scenario."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from earthwire.config.profile_file import profile_text
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.profile import ErrorResponse, Profile, ToolLaws
from foreign.conformance import free_port, running, running_proxy
from foreign.environments import python_environment
from foreign.mcp_scenarios import SCENARIOS

SDKS = {"mcp 1.x": "mcp==1.30.0", "mcp 2.x": "mcp==2.3.0"}
ALL_LAYERS = "tool,jsonrpc,http,transport"
_SERVER, _CLIENT = (Path(__file__).with_name(name) for name in ("report_server.py", "sdk_client.py"))
_RUN_S_MAX = 300.0
_COUNT = 10**7
"""So many calls of one kind that another kind is as good as never drawn."""


def scenario_profile() -> Profile:
    """Return a profile in which each tool's first call fails in its own way, and its second is good."""
    tools = {f"server/{name}": _laws(kind) for name, (_, kind, _) in SCENARIOS.items()}
    return Profile(tools=tools, overall=ToolLaws(0, 0, OutcomeCounts({}), {}))


def outcomes(sdk: str, transport: str, layers: str, folder: Path) -> dict[str, list[str]]:
    """Run a client through all scenarios; return by scenario what its calls ended as, in its own words.

    Args:
        sdk: one of `SDKS`; client and server are of the same version.
        transport: ``http`` or ``stdio``.
        layers: that are open, separated by commas.
        folder: for the profile and the recipe.

    Raises:
        EnvironmentUnavailableError: if the SDK cannot be installed.
        RuntimeError: if the client does not end in order.
    """
    python = python_environment(sdk.replace(" ", "-"), SDKS[sdk])
    profile = folder / "scenarios.yaml"
    profile.write_text(profile_text(scenario_profile()), "utf-8")
    if transport == "stdio":
        return _run(python, "stdio", *wrap_command(profile, layers), "--", str(python), str(_SERVER), "stdio")
    port = free_port()
    with running([str(python), str(_SERVER), str(port)], port):
        recipe = folder / "recipe.yaml"
        recipe.write_text(
            f"earthwire_recipe: 1\nprofile: {profile}\n"
            f"mcp: {{server: {{url: 'http://127.0.0.1:{port}/mcp', layers: [{layers}]}}}}\n",
            "utf-8",
        )
        with running_proxy(recipe=recipe) as url:
            return _run(python, "http", url)


def wrap_command(profile: Path, layers: str) -> list[str]:
    """Return the command that runs a wrapped server, up to the server's own command."""
    return [program(), "mcp", "wrap", "-p", str(profile), "--layers", layers, "--name", "server"]


def program() -> str:
    """Return the path of our command."""
    return shutil.which("earthwire", path=str(Path(sys.executable).parent)) or "earthwire"


def _run(python: Path, *arguments: str) -> dict[str, list[str]]:
    result = subprocess.run(
        [str(python), "-W", "ignore", str(_CLIENT), *arguments],
        capture_output=True,
        text=True,
        timeout=_RUN_S_MAX,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"the client ended with {result.returncode}: {result.stderr[-2000:]}")
    found: dict[str, list[str]] = json.loads(result.stdout)
    return found


def _laws(kind: str) -> ToolLaws:
    text = {"content": [{"type": "text", "text": "The report service is being restarted."}]}
    responses = {
        "tool_error": ErrorResponse(1, 200, "application/json", json.dumps({**text, "isError": True})),
        "semantic_error": ErrorResponse(1, 200, "application/json", json.dumps(text)),
    }
    after = {START: {kind: _COUNT}, kind: {"ok": _COUNT}, "ok": {kind: _COUNT}}
    if kind == "ok":
        after = {START: {"ok": _COUNT}, "ok": {"ok": _COUNT}}
    table = LatencyTable(1, (0.05,) * len(LEVELS))
    return ToolLaws(
        1,
        1,
        OutcomeCounts(after),
        {"ok": table, kind: table},
        responses={kind: (responses[kind],)} if kind in responses else {},
    )
