"""A small MCP server on the official SDK, 1.x or 2.x: a tool for each scenario, all of which give the same report.

``python report_server.py stdio`` or ``python report_server.py PORT``.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mcp_scenarios import SCENARIOS
from pydantic import BaseModel

try:
    from mcp.server import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server


class Row(BaseModel):
    id: int
    name: str
    amount: float


class Report(BaseModel):
    title: str
    rows: list[Row]


def report() -> Report:
    """Give the report of this month."""
    rows = [Row(id=number, name=f"customer {number}", amount=10.0 * number) for number in range(1, 6)]
    return Report(title="This month", rows=rows)


def main() -> None:
    transport = sys.argv[1]
    is_first = Server.__name__ == "FastMCP"
    options = {"port": int(transport)} if transport != "stdio" else {}
    server = Server("reports", **options) if is_first else Server("reports")
    for name in SCENARIOS:
        server.add_tool(report, name=name, description="Give the report of this month.")
    if transport == "stdio":
        server.run(transport="stdio")
    elif is_first:
        server.run(transport="streamable-http")
    else:
        server.run(transport="streamable-http", **options)


if __name__ == "__main__":
    main()
