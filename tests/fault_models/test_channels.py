"""One server's channels: which message gets what, and what is remembered between messages."""

from earthwire.fault_models.action.decoys import DecoySettings
from earthwire.fault_models.action.shield import Shield, ShieldPolicy
from earthwire.fault_models.channels import Answered, Channels, Passing
from earthwire.fault_models.observation import ObservationChannel, Typos

PROSE = "Please find the purchase of water for the people of the city."
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
LISTED = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {
        "tools": [
            {"name": "read", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
            {"name": "write", "inputSchema": {"type": "object", "required": ["text"]}},
        ]
    },
}
ANSWER = {"jsonrpc": "2.0", "id": 2, "result": {"content": [{"type": "text", "text": PROSE}]}}
SCOPE = ("e", "read", "0")


def call(name: str, **arguments: object) -> dict[str, object]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}


def observing() -> ObservationChannel:
    return ObservationChannel([Typos(0.5, ("drop",))], ["result.content[].text"], seed=1)


def test_without_channels_everything_passes_as_it_is() -> None:
    channels = Channels("s")
    assert channels.mcp_request(call("read"), "e", 0.0) == Passing(call("read"))
    assert channels.mcp_answer(LIST, LISTED, SCOPE).value is LISTED
    assert channels.mcp_answer(call("read"), ANSWER, SCOPE).value is ANSWER
    assert channels.tool_result({"a": PROSE}, SCOPE) == Passing({"a": PROSE})
    assert channels.http_verdict("DELETE", "DELETE /x", "e", 0.0) == (None, False)


def test_only_answers_to_tool_calls_are_observed() -> None:
    channels = Channels("s", observing())
    assert channels.mcp_answer(call("read"), ANSWER, SCOPE).changes == {"typos": 1}
    assert channels.mcp_answer({**LIST, "method": "prompts/get"}, ANSWER, SCOPE).value is ANSWER
    assert channels.mcp_answer(LIST, LISTED, SCOPE).value is LISTED


def test_a_decoy_is_known_once_it_was_listed() -> None:
    channels = Channels("s", decoys=DecoySettings(2, ("suffix",), seed=1))
    listed = channels.mcp_answer(LIST, LISTED, SCOPE)
    assert listed.changes == {"decoys_listed": 2}
    assert isinstance(listed.value, dict)
    names = {tool["name"] for tool in listed.value["result"]["tools"]} - {"read", "write"}
    for name in names:
        answered = channels.mcp_request(call(name), "e", 0.0)
        assert isinstance(answered, Answered)
        assert isinstance(answered.value, dict)
        assert answered.value["id"] == 2
    assert channels.mcp_request(call("read"), "e", 0.0) == Passing(call("read"))
    assert isinstance(Channels("s").mcp_request(call(names.pop()), "e", 0.0), Passing)


def test_two_servers_have_different_decoys() -> None:
    settings = DecoySettings(6, ("suffix", "overlap"), seed=1)
    lists = [Channels(name, decoys=settings).mcp_answer(LIST, LISTED, SCOPE).value for name in ("a", "b")]
    assert lists[0] != lists[1]


def test_read_only_is_what_the_list_declares() -> None:
    channels = Channels("s", shield=Shield(ShieldPolicy(read_only=True)))
    assert isinstance(channels.mcp_request(call("read"), "e", 0.0), Answered)
    channels.mcp_answer(LIST, LISTED, SCOPE)
    assert isinstance(channels.mcp_request(call("read"), "e", 0.0), Passing)
    assert isinstance(channels.mcp_request(call("write", text="x"), "e", 0.0), Answered)


def test_declared_schemas_are_learned_from_the_list() -> None:
    channels = Channels("s", shield=Shield(ShieldPolicy()))
    assert channels.mcp_request(call("write"), "e", 0.0) == Passing(call("write"))
    channels.mcp_answer(LIST, LISTED, SCOPE)
    answered = channels.mcp_request(call("write"), "e", 0.0)
    assert isinstance(answered, Answered)
    assert answered.changes == {"shield_arguments": 1}


def test_messages_of_other_kinds_and_shapes_pass() -> None:
    channels = Channels("s", observing(), DecoySettings(2, ("suffix",)), Shield(ShieldPolicy(read_only=True)))
    for message in (
        LIST,
        [LIST],
        None,
        {"method": "tools/call"},
        {"method": "tools/call", "params": {"name": 5}},
    ):
        assert channels.mcp_request(message, "e", 0.0) == Passing(message)


def test_decoys_that_a_model_calls_are_counted_once() -> None:
    channels = Channels("s", decoys=DecoySettings(1, ("suffix",), seed=1))
    tools = [{"name": "read", "input_schema": {}}]
    first = channels.chat_request({"model": "m", "messages": [], "tools": tools}, "e")
    assert isinstance(first.value, dict)
    decoy = next(tool["name"] for tool in first.value["tools"] if tool["name"] != "read")
    used = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": decoy, "input": {}}]}
    request = {"model": "m", "messages": [used, {"role": "user", "content": "r"}], "tools": tools}
    assert channels.chat_request(request, "e").changes == {"decoys_listed": 1, "decoys_called": 1}
    later = {**request, "messages": [used, {"role": "assistant", "content": "sorry"}]}
    assert channels.chat_request(later, "e").changes == {"decoys_listed": 1}
