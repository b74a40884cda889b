"""What a client of MCP sends, and what is no message."""

import json

import pytest

from earthwire.proxy.mcp.message import arguments_key, cancelled_id, is_batch, read_client_message


def message(**members):
    return read_client_message(json.dumps({"jsonrpc": "2.0", **members}).encode())


def test_a_tool_call_says_its_tool_and_its_id():
    found = message(id="a", method="tools/call", params={"name": "get", "arguments": {"x": 1}})
    assert (found.kind, found.id, found.method, found.name, found.is_stateless) == (
        "request",
        "a",
        "tools/call",
        "get",
        False,
    )


def test_a_stateless_request_says_so_in_its_meta():
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "traceparent": "00-a-b-01", "n": 1}
    found = message(id=0, method="tools/call", params={"name": "get", "_meta": meta})
    assert found.is_stateless
    assert found.meta["traceparent"] == "00-a-b-01"
    assert "n" not in found.meta


def test_an_older_version_in_the_meta_is_not_stateless():
    meta = {"io.modelcontextprotocol/protocolVersion": "2025-11-25"}
    assert not message(id=0, method="tools/call", params={"_meta": meta}).is_stateless


def test_without_an_id_it_is_a_notification_and_without_a_method_a_response():
    assert message(method="notifications/initialized").kind == "notification"
    assert message(id=3, result={}).kind == "response"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"id":1,"method":"ping"}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_not_one_message_is_not_understood(data):
    assert read_client_message(data) is None


@pytest.mark.parametrize("params", [None, [], [1], "x", {"name": 5}, {"_meta": "x"}])
def test_strange_parameters_do_not_hide_a_request(params):
    found = message(id=1, method="tools/call", params=params)
    assert (found.kind, found.name, found.meta) == ("request", None, {})


def test_a_batch_is_told_from_a_message():
    assert is_batch(b' \n[{"jsonrpc":"2.0"}]')
    assert not is_batch(b'{"a":[]}')


def test_a_cancellation_names_its_request():
    data = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}'
    assert cancelled_id(data) == "a"
    assert cancelled_id(b'{"jsonrpc":"2.0","method":"notifications/cancelled"}') is None


def test_equal_calls_have_equal_keys_whatever_their_ids_and_meta():
    def call(request_id, **params):
        return json.dumps(
            {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
        ).encode()

    key = arguments_key(call(1, name="get", arguments={"a": 1, "b": 2}, _meta={"progressToken": 1}))
    assert arguments_key(call("x", arguments={"b": 2, "a": 1}, name="get")) == key
    assert arguments_key(call(1, name="get", arguments={"a": 2, "b": 2})) != key
    assert arguments_key(call(1, name="put", arguments={"a": 1, "b": 2})) != key
    assert key is not None
    assert arguments_key(b"{}") is arguments_key(b"[") is None
