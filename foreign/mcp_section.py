"""The section of docs/clients.md about MCP clients: what the official SDKs made of each fault."""

from pathlib import Path
from tempfile import TemporaryDirectory

from foreign.mcp_clients import ALL_LAYERS, SDKS, outcomes
from foreign.mcp_scenarios import SCENARIOS

DEFAULT_LAYERS = "tool,jsonrpc"
GOOD = "the report"
_TRANSPORTS = ("http", "stdio")
_GOES_ON, _ENDS = "", " ⏹"


def section() -> str:
    """Run all clients through all scenarios, with all layers open and with those that are open by default.

    Raises:
        EnvironmentUnavailableError: if an SDK cannot be installed.
    """
    met = {layers: _met(layers) for layers in (ALL_LAYERS, DEFAULT_LAYERS)}
    everything, default = met[ALL_LAYERS], met[DEFAULT_LAYERS]
    going_on = sum(seen[-1] == GOOD for client in default.values() for seen in client.values())
    total = len(default) * len(SCENARIOS)
    lines = [
        "## MCP: the official Python SDK",
        "",
        f"Clients: {', '.join(f'`{requirement}`' for requirement in SDKS.values())}, each against a server of its own "
        "version, over streamable HTTP (`earthwire serve --mcp`) and over stdio (`earthwire mcp wrap`). Version 2 "
        "speaks the stateless protocol of 2026-07-28, version 1 the one with sessions. Each tool fails at its first "
        "call and answers at its second, in the same session; the client waits 2 s. ⏹: the second call failed as well, "
        "since the session had ended.",
        "",
        "With all layers open (`layers: [tool, jsonrpc, http, transport]`):",
        "",
        *_table(everything),
        "",
        "With the layers that are open by default (`tool` and `jsonrpc`) statuses, resets, cuts and silence surface as "
        f"what the tool says, and the second call of {going_on} of {total} sessions got its answer:",
        "",
        *_table(default),
        "",
        "`in_band` and `drift` raise in these clients because the tool promises an output schema, which they check.",
    ]
    return "\n".join(lines)


def _met(layers: str) -> dict[str, dict[str, list[str]]]:
    found = {}
    for sdk in SDKS:
        for transport in _TRANSPORTS:
            with TemporaryDirectory() as folder:
                found[f"{sdk}, {transport}"] = outcomes(sdk, transport, layers, Path(folder))
    return found


def _table(clients: dict[str, dict[str, list[str]]]) -> list[str]:
    lines = [f"| fault | layer | {' | '.join(clients)} |", "|---" * (len(clients) + 2) + "|"]
    for name, (layer, _, what) in SCENARIOS.items():
        cells = (_cell(seen[name]) for seen in clients.values())
        lines.append(f"| `{name}`: {what} | {layer} | {' | '.join(cells)} |")
    return lines


def _cell(seen: list[str]) -> str:
    mark = _GOES_ON if seen[-1] == GOOD else _ENDS
    return seen[0].replace("|", "\\|") + mark
