"""The official MCP SDKs, in environments of their own, meet the faults of each layer."""

import pytest

from foreign.environments import EnvironmentUnavailableError
from foreign.mcp_clients import ALL_LAYERS, SDKS, outcomes
from foreign.mcp_scenarios import SCENARIOS

GOOD = "the report"
CLIENTS = [(sdk, transport) for sdk in SDKS for transport in ("http", "stdio")]


def met(sdk, transport, layers, folder):
    try:
        return outcomes(sdk, transport, layers, folder)
    except EnvironmentUnavailableError as error:
        pytest.skip(f"{sdk} cannot be installed here: {error}")


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "transport"), CLIENTS)
def test_by_default_every_fault_is_met_and_every_session_goes_on(sdk, transport, tmp_path):
    seen = met(sdk, transport, "tool,jsonrpc", tmp_path)
    assert set(seen) == set(SCENARIOS)
    assert {name for name, calls in seen.items() if calls[-1] != GOOD or len(calls) != 2} == set()
    assert {name for name, calls in seen.items() if calls[0] == GOOD} == {"good"}
    assert seen["tool_error"][0] == "result with isError: The report service is being restarted."
    assert "-32603" in seen["rpc_error"][0]
    assert seen["unavailable"][0].startswith("result with isError: Request failed with status code 503")


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "transport"), CLIENTS)
def test_with_all_layers_open_each_fault_is_met_where_it_belongs(sdk, transport, tmp_path):
    seen = met(sdk, transport, ALL_LAYERS, tmp_path)
    assert {name for name, calls in seen.items() if calls[0] == GOOD} == {"good"}
    by_layer = {
        layer: [name for name in SCENARIOS if SCENARIOS[name][0] == layer] for layer in ("http", "transport")
    }
    below = by_layer["transport"] + (by_layer["http"] if transport == "http" else [])
    assert [name for name in below if "isError" in seen[name][0]] == []
    assert seen["reset"][-1] != GOOD
