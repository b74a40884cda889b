"""What a host gets for one request over the standard streams, as bytes."""

import json

import pytest

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import PASS_THROUGH, Plan
from earthwire.fault_models.steps.delivery import deliver
from earthwire.fault_models.steps.layer import LAYERS, MCP_LAYERS
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.stdio_call import StdioCall, met_over_stdio

MESSAGE = ClientMessage("request", "a", "tools/call", "get")
LINE = b'{"jsonrpc":"2.0","id":"a","result":{"content":[{"type":"text","text":"{\\"n\\": 1}"}]}}\n'


def call(kind, layers=MCP_LAYERS):
    plan = PASS_THROUGH if kind is None else Plan(kind, 0.0, 0.0, deliver(kind, 0.0, 0.0, None, 0.5), "tool")
    drawn = Drawn(0, plan)
    return StdioCall(MESSAGE, "s/get", "default", drawn, 0, 0.0, met_over_stdio(plan, MESSAGE, layers))


@pytest.mark.parametrize("kind", [None, "ok", "unknown"])
def test_a_good_answer_is_the_servers_line_byte_for_byte(kind):
    one = call(kind)
    assert one.is_forwarded
    assert one.server_line(LINE).data == LINE
    assert not one.server_line(LINE).is_ours


@pytest.mark.parametrize("kind", ["tool_error", "rpc_error:-32603", "http_5xx:503", "timeout", "conn_error"])
def test_by_default_a_fault_is_one_line_of_json_rpc_with_the_requests_id(kind):
    one = call(kind)
    line = one.own_line()
    assert not one.is_forwarded
    assert not line.ends
    assert line.data.count(b"\n") == 1
    assert json.loads(line.data)["id"] == "a"


def test_there_is_no_http_here_even_with_all_layers_open():
    assert json.loads(call("http_4xx:429", LAYERS).own_line().data)["result"]["isError"] is True


def test_a_cut_answer_is_the_first_part_of_the_line_and_the_end():
    one = call("malformed:truncated", ("transport",))
    line = one.server_line(LINE)
    assert one.is_forwarded
    assert line.ends
    assert LINE.startswith(line.data)
    assert len(line.data) == (len(LINE) - 1) // 2


@pytest.mark.parametrize("kind", ["malformed:html", "malformed:xml"])
def test_pages_are_garbage_that_ends_with_a_line(kind):
    line = call(kind, ("transport",)).own_line()
    assert line.data.startswith(b"<")
    assert line.data.endswith(b"\n")
    assert line.reply is None


def test_a_reset_is_the_end_without_a_byte_and_silence_is_no_line_at_all():
    line = call("conn_error", ("transport",)).own_line()
    assert (line.data, line.ends) == (b"", True)
    silent = call("timeout", ("transport",))
    assert silent.is_silent
    assert silent.own_line() is None


def test_work_that_was_done_and_answered_by_silence_reaches_the_server_alone():
    one = call("timeout:committed", ("transport",))
    assert one.is_forwarded
    assert one.is_silent
    assert one.server_line(LINE) is None


def test_work_that_was_done_and_lost_its_answer_ends_the_server():
    one = call("conn_error:committed", ("transport",))
    assert one.is_forwarded
    assert (one.server_line(LINE).data, one.server_line(LINE).ends) == (b"", True)


@pytest.mark.parametrize("kind", ["timeout:committed", "conn_error:committed"])
def test_by_default_a_lost_answer_is_told_by_the_tool_after_the_server_did_its_work(kind):
    one = call(kind)
    assert one.is_forwarded
    assert json.loads(one.server_line(LINE).data)["result"]["isError"] is True


@pytest.mark.parametrize(
    ("kind", "sent_bytes"),
    [
        ("conn_error:after_head", 0),
        ("conn_error:in_body", (len(LINE) - 1) // 2),
        ("malformed:unterminated", len(LINE) - 1),
        ("malformed:length_too_long", len(LINE) - 1 - 33),
        ("malformed:length_too_short", len(LINE) - 1 - 33),
        ("malformed:content_coding", len(LINE) - 2),
    ],
)
def test_what_a_wrong_head_does_over_http_the_end_in_mid_line_does_here(kind, sent_bytes):
    line = call(kind, ("transport",)).server_line(LINE)
    assert line.ends
    assert line.data == LINE[:sent_bytes]
    assert line.is_ours


def test_a_connection_that_is_reused_and_closed_is_the_end_of_the_server():
    one = call("conn_error:reused", ("transport",))
    assert not one.is_forwarded
    assert one.own_line().ends
