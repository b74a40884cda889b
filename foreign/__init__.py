"""Programs of other people, run against earthwire in environments of their own: MCP clients, servers and suites."""
