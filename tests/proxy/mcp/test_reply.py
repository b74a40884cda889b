"""What a server of MCP answers."""

import json

import pytest

from earthwire.proxy.mcp.reply import Reply, content_texts, read_reply, reply_bytes


def test_a_result_an_error_of_a_tool_and_an_error_of_the_protocol_are_three_outcomes():
    good = read_reply(b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hi"}]}}')
    failed = read_reply(b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}')
    refused = read_reply(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}')
    assert [reply.outcome for reply in (good, failed, refused)] == ["ok", "tool_error", "rpc_error"]
    assert [reply.is_error for reply in (good, failed, refused)] == [False, True, None]
    assert [reply.code for reply in (good, failed, refused)] == [None, None, -32603]
    assert [reply.text for reply in (good, failed, refused)] == ["hi", "", "no"]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"jsonrpc":"2.0","id":1,"method":"ping"}', b'{"jsonrpc":"2.0","id":1,"result":3}'],
)
def test_what_is_no_response_is_not_one(data):
    assert read_reply(data) is None


@pytest.mark.parametrize("request_id", [0, "a", 'quote"'])
def test_an_answer_carries_the_id_of_its_request(request_id):
    data = reply_bytes(Reply(None, result={"content": []}), request_id)
    assert json.loads(data) == {"jsonrpc": "2.0", "id": request_id, "result": {"content": []}}
    assert read_reply(data).id == request_id


def test_only_text_counts_as_text():
    content = [{"type": "image", "data": "x"}, {"type": "text", "text": "a"}, {"type": "text"}, 5]
    assert content_texts({"content": content}) == ["a"]
    assert content_texts({"content": "x"}) == []
