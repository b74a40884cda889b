import pytest

from earthwire.fault_models.action.decoys import DecoySettings
from earthwire.fault_models.action.documents import (
    called_in_last_turn,
    crowded_chat_request,
    crowded_mcp_result,
    tools_of_mcp_result,
)

SETTINGS = DecoySettings(3, ("suffix",), seed=1)
LISTED = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {"tools": [{"name": "get", "inputSchema": {}}], "nextCursor": "c"},
}
CALLED = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "get", "arguments": "{}"}}]}
USED = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "get", "input": {}}]}


def test_a_list_of_mcp_gets_decoys_and_is_not_to_be_kept() -> None:
    crowded = crowded_mcp_result(LISTED, SETTINGS, "s")
    assert isinstance(crowded.value, dict)
    assert len(crowded.value["result"]["tools"]) == 4
    assert crowded.value["result"]["ttlMs"] == 0
    assert crowded.value["result"]["nextCursor"] == "c"
    assert len(LISTED["result"]["tools"]) == 1


@pytest.mark.parametrize("message", [{"error": {}}, {"result": {"tools": 5}}, {"result": []}, [], None])
def test_what_is_no_list_of_tools_stays(message: object) -> None:
    assert crowded_mcp_result(message, SETTINGS, "s").value == message
    assert tools_of_mcp_result(message) == []


def test_requests_to_models_get_decoys_in_their_own_form() -> None:
    value = {"model": "m", "tools": [{"name": "get", "input_schema": {}}, {"type": "web_search"}]}
    crowded = crowded_chat_request(value, SETTINGS, "s")
    assert isinstance(crowded.value, dict)
    assert sum("input_schema" in tool for tool in crowded.value["tools"]) == 4
    assert crowded_chat_request({"model": "m"}, SETTINGS, "s").decoys == {}


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([{"role": "user", "content": "x"}, CALLED], ["get"]),
        ([CALLED, {"role": "tool", "content": "r"}], ["get"]),
        ([USED, {"role": "user", "content": [{"type": "tool_result"}]}], ["get"]),
        ([CALLED, {"role": "assistant", "content": "done"}], []),
        (
            [{"type": "function_call", "name": "get", "arguments": "{}"}, {"type": "function_call_output"}],
            ["get"],
        ),
        ([], []),
        ([{"role": "user", "content": "x"}], []),
    ],
)
def test_calls_of_the_last_turn_are_found_and_earlier_ones_are_not(
    turns: list[object], expected: list[str]
) -> None:
    assert called_in_last_turn({"messages": turns}) == expected
    assert called_in_last_turn({"input": turns}) == expected
