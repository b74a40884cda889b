"""What commands that learn from traces, or hold them against others, say of requests that no plan is drawn for."""

from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import fail

if TYPE_CHECKING:
    from earthwire.grounding.gap.never_drawn import DrawnCalls

McpMethods = Annotated[
    list[str] | None,
    typer.Option(
        "--mcp-method",
        help="Take in requests of this MCP method, too, where a recipe's `methods` name it, such as resources/read; "
        "repeatable. Of MCP, calls of tools alone are taken otherwise.",
    ),
]

LEFT_OUT = "left out, as no plan is drawn for them"


def drawn_calls(methods: list[str] | None) -> "DrawnCalls":
    """Return what chooses the calls that plans are drawn for; end with a message where it cannot be made."""
    from earthwire.grounding.gap.never_drawn import DrawnCalls

    try:
        return DrawnCalls(methods or ())
    except ValueError as error:
        fail(f"--mcp-method: {error}")


def left_out_sentences(drawn: "DrawnCalls") -> list[str]:
    """Return what was left out of a recording, in a sentence; none where nothing was."""
    from earthwire.grounding.gap.never_drawn import never_drawn_text

    counted = never_drawn_text(drawn.left_out().real)
    return [f"{LEFT_OUT}: {counted}"] if counted else []
