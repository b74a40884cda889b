"""From what an MCP client meets to the steps of an HTTP response."""

from earthwire.fault_models.plan import Body, Forward, Head, LoseReply, Plan, Wait
from earthwire.fault_models.steps.delivery import deliver
from earthwire.fault_models.steps.layer import MCP_LAYERS
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.server import AnswerHabits
from earthwire.proxy.mcp.steps import http_steps
from earthwire.proxy.mcp.surface import surfaced

CALL = ClientMessage("request", 1, "tools/call", "get")


def steps(kind):
    plan = Plan(kind, 0.1, 0.2, deliver(kind, 0.1, 0.2, None, 0.5), "tool")
    return http_steps(plan, surfaced(plan, CALL, MCP_LAYERS), CALL, AnswerHabits(), None)


def test_a_fault_that_the_tool_tells_never_reaches_the_server():
    assert [type(step) for step in steps("timeout")] == [Wait, Head, Wait, Body]


def test_a_lost_answer_is_told_after_the_server_did_its_work():
    assert [type(step) for step in steps("timeout:committed")] == [Forward, LoseReply, Wait, Head, Wait, Body]
