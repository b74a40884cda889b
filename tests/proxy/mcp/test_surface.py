"""Where faults surface in MCP: by layer, by era, and never at the wrong place."""

import pytest

from earthwire.fault_models.plan import Plan
from earthwire.fault_models.profile import ErrorResponse
from earthwire.fault_models.steps.delivery import deliver
from earthwire.fault_models.steps.layer import LAYERS, MCP_LAYERS
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.reply import reply_bytes
from earthwire.proxy.mcp.surface import BelowProtocol, OwnReply, RelayReply, surfaced
from earthwire.traces.labels.fault_class import Observation, label_response

CALL = ClientMessage("request", 1, "tools/call", "get")
STATELESS = ClientMessage("request", 1, "tools/call", "get", is_stateless=True)
KINDS = (
    "tool_error",
    "semantic_error",
    "rpc_error:-32603",
    "http_5xx:503",
    "http_4xx:429",
    "timeout",
    "conn_error",
    "malformed:html",
    "malformed:truncated",
)


def plan(kind, response=None):
    return Plan(kind, 0.1, 0.2, deliver(kind, 0.1, 0.2, response, 0.5), "tool")


def recorded(body):
    return ErrorResponse(1, 200, "application/json", body)


@pytest.mark.parametrize("kind", ["ok", "unknown"])
def test_a_good_call_gets_the_servers_own_answer(kind):
    assert surfaced(plan(kind), CALL, MCP_LAYERS) == RelayReply()


@pytest.mark.parametrize("kind", KINDS)
def test_without_an_open_layer_nothing_ever_fails(kind):
    assert surfaced(plan(kind), CALL, ()) == RelayReply()


@pytest.mark.parametrize("kind", KINDS)
def test_by_default_no_fault_breaks_a_session(kind):
    met = surfaced(plan(kind), CALL, MCP_LAYERS)
    assert not isinstance(met, BelowProtocol)
    assert met != RelayReply()


@pytest.mark.parametrize(
    ("kind", "layer"),
    [
        ("http_5xx:503", "http"),
        ("timeout", "transport"),
        ("conn_error", "transport"),
        ("malformed:html", "transport"),
    ],
)
def test_with_all_layers_open_a_fault_stays_where_it_belongs(kind, layer):
    assert surfaced(plan(kind), CALL, LAYERS) == BelowProtocol(layer)


def test_a_recorded_result_comes_back_as_it_was():
    body = '{"content":[{"type":"text","text":"rate limited"}],"isError":true}'
    met = surfaced(plan("tool_error", recorded(body)), CALL, MCP_LAYERS)
    assert met.reply.result == {"content": [{"type": "text", "text": "rate limited"}], "isError": True}


def test_a_recorded_text_becomes_the_text_of_a_result():
    met = surfaced(plan("tool_error", recorded("INTERNAL_ERROR")), CALL, MCP_LAYERS)
    assert met.reply.is_error
    assert met.reply.text == "INTERNAL_ERROR"


def test_results_say_their_type_to_stateless_clients_only():
    for message, expected in ((CALL, None), (STATELESS, "complete")):
        met = surfaced(plan("tool_error"), message, MCP_LAYERS)
        assert met.reply.result.get("resultType") == expected


def test_an_error_text_in_a_good_result_has_no_error_flag():
    met = surfaced(plan("semantic_error", recorded("Error: no such city")), CALL, MCP_LAYERS)
    assert met.reply.is_error is False


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        ("rpc_error:-32603", CALL, -32603),
        ("rpc_error:-32000", CALL, -32000),
        ("rpc_error:-32021", CALL, -32021),
        ("rpc_error:-32055", CALL, -32603),
        ("rpc_error:-32002", CALL, -32002),
        ("rpc_error:-32002", STATELESS, -32603),
        ("rpc_error", CALL, 500),
        ("rpc_error:nonsense", CALL, 500),
    ],
)
def test_codes_are_recorded_ones_or_outside_what_the_protocol_reserves(kind, message, code):
    assert surfaced(plan(kind), message, MCP_LAYERS).reply.code == code


def test_with_the_tool_layer_closed_a_status_becomes_a_code_of_the_application():
    met = surfaced(plan("http_5xx:503"), CALL, ("jsonrpc",))
    assert met.reply.code == 503


def test_what_is_no_tool_has_no_tool_error():
    read = ClientMessage("request", 1, "resources/read")
    met = surfaced(plan("tool_error"), read, MCP_LAYERS)
    assert met.reply.error is not None


def test_a_cut_body_becomes_a_cut_text():
    met = surfaced(plan("malformed:truncated"), CALL, MCP_LAYERS)
    assert met.damage.operator == "truncate"
    assert float(met.damage.aim) == 0.5


@pytest.mark.parametrize(
    ("kind", "fault_class"),
    [
        ("http_4xx:429", "http_429"),
        ("http_5xx:503", "http_5xx"),
        ("timeout", "timeout_pre"),
        ("conn_error", "conn_reset"),
    ],
)
def test_the_classifier_knows_each_fault_again_at_the_surface_of_the_tool(kind, fault_class):
    met = surfaced(plan(kind), CALL, MCP_LAYERS)
    assert isinstance(met, OwnReply)
    seen = Observation(status=200, content_type="application/json", body=reply_bytes(met.reply, 1))
    label = label_response(seen)
    assert (label.fault_class, label.surface) == (fault_class, "tool")
