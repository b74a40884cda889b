"""A comparison is about the calls that plans are drawn for."""

import pytest

from earthwire.grounding.gap.never_drawn import DrawnCalls, NeverDrawn
from earthwire.traces import TraceRecord


def request(method: str | None, due_ns: int | None = None) -> TraceRecord:
    return TraceRecord(tool=f"server/{method}", mcp_method_name=method, plan_last_byte_ns=due_ns)


def test_calls_of_tools_and_all_that_is_not_mcp_are_compared() -> None:
    drawn = DrawnCalls()
    assert all(drawn.in_simulation(request(method)) for method in ("tools/call", None))
    assert all(drawn.in_reality(request(method)) for method in ("tools/call", None))
    assert str(drawn.left_out()) == ""


def test_what_passes_as_it_comes_is_left_out_on_both_sides_and_counted() -> None:
    drawn = DrawnCalls()
    assert not any(drawn.in_simulation(request(method, 0)) for method in ("initialize", "tools/list"))
    assert not any(drawn.in_reality(request(method)) for method in ("initialize", "initialize", "ping"))
    assert drawn.left_out() == NeverDrawn({"initialize": 2, "ping": 1}, {"initialize": 1, "tools/list": 1})
    assert str(drawn.left_out()) == "3 real, 2 simulated (initialize, ping, tools/list)"


def test_methods_that_a_recipe_lets_fail_are_compared() -> None:
    """Their simulated records have a plan; the recorded ones, made before, have none."""
    drawn = DrawnCalls()
    assert drawn.in_simulation(request("resources/read", due_ns=5_000_000))
    assert drawn.in_reality(request("resources/read"))
    assert not drawn.in_reality(request("prompts/get"))


def test_what_holds_sessions_together_is_never_compared() -> None:
    drawn = DrawnCalls()
    assert not drawn.in_simulation(request("initialize", due_ns=5_000_000))
    assert not drawn.in_reality(request("initialize"))


def test_what_was_left_out_elsewhere_is_counted_with_the_rest() -> None:
    drawn = DrawnCalls()
    drawn.leave_out({"ping": 4})
    assert not drawn.in_reality(request("ping"))
    assert drawn.left_out() == NeverDrawn({"ping": 5}, {})


def test_a_recipe_cannot_let_fail_what_holds_sessions_together() -> None:
    with pytest.raises(ValueError, match="'initialize' holds sessions together"):
        DrawnCalls(("resources/read", "initialize"))
