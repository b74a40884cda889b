"""What MCP clients are made to meet: one tool for each, whose first call fails so and whose second is good.

Standard library only: the server of the tools and the clients import it in environments of their own.
"""

SCENARIOS = {
    "good": ("-", "ok", "the server's own answer"),
    "tool_error": ("tool", "tool_error", "a result with `isError: true`"),
    "in_band": ("tool", "semantic_error", "an error text in a result without `isError`"),
    "drift": ("tool", "semantic_error:schema_drift", "a result whose data has another shape"),
    "rpc_error": ("jsonrpc", "rpc_error:-32603", "a JSON-RPC error, code -32603"),
    "rate_limit": ("http", "http_4xx:429", "HTTP 429"),
    "unavailable": ("http", "http_5xx:503", "HTTP 503"),
    "reset": ("transport", "conn_error", "a reset; over stdio the server's end"),
    "cut": ("transport", "malformed:truncated", "half an answer, then the end of the connection"),
    "garbage": ("transport", "malformed:invalid_json", "an answer that is not JSON"),
    "silence": ("transport", "timeout", "no answer at all"),
}
"""Tool to the layer of its fault, its outcome kind, and what that is."""
