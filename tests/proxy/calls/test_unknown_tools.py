"""Calls of tools that the profile does not have are drawn as those of any other tool, and that is said."""

from earthwire.proxy.calls.unknown_tools import COUNTED_MAX, NAMED_MAX, UnknownTools
from earthwire.proxy.mcp.server import McpConfig


def test_each_unknown_tool_is_said_once() -> None:
    warnings: list[str] = []
    tools = UnknownTools(("GET api.example/users",), warnings.append)
    for tool in ("GET api.example/users", "GET api.example/user", "GET api.example/user"):
        tools.meet(tool)
    assert tools.count == 1
    assert warnings == [
        "GET api.example/user: the profile has no such tool, so its calls are drawn as those of any other tool"
    ]


def test_where_all_tools_are_alike_nothing_is_said() -> None:
    warnings: list[str] = []
    tools = UnknownTools((), warnings.append)
    tools.meet("GET api.example/users")
    assert (tools.count, warnings) == (0, [])


def test_a_client_that_calls_whatever_it_likes_fills_neither_log_nor_memory() -> None:
    warnings: list[str] = []
    tools = UnknownTools(("one",), warnings.append)
    for number in range(2 * COUNTED_MAX):
        tools.meet(f"{number}{'x' * 5_000}")
    assert tools.count == COUNTED_MAX
    assert len(warnings) == NAMED_MAX + 1
    assert max(map(len, warnings)) < 300
    assert "not named any more" in warnings[-1]


def test_over_http_the_first_call_of_an_unknown_tool_is_said(harness, play) -> None:
    async def scenario():
        keys = ("GET tool/search",)
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, tool_keys=keys) as one,
        ):
            for target in ("/search", "/serch", "/serch", "/e/an-episode/serch"):
                await harness.talk(one.port, harness.get(target))

    play(scenario())
    assert [text.partition(":")[0] for text in harness.warnings] == ["GET tool/serch"]


def test_what_a_client_asks_of_an_mcp_server_besides_tools_is_not_said(harness, play) -> None:
    def post(method: str, params: str) -> bytes:
        body = f'{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}'.encode()
        head = f"POST /m/s/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        return f"{head}Connection: close\r\nContent-Type: application/json\r\n\r\n".encode() + body

    async def scenario():
        reply = harness.response(b'{"jsonrpc":"2.0","id":1,"result":{}}')
        async with harness.upstream(reply) as upstream:
            server = McpConfig(url=f"http://127.0.0.1:{upstream.port}/mcp", tool_keys=("s/get",))
            options = {"upstreams": {}, "mcp": {"s": server}, "tool_keys": ("s/get",)}
            async with harness.proxy(upstream.port, **options) as one:
                for method, params in (("initialize", "{}"), ("tools/call", '{"name":"get"}')):
                    await harness.talk(one.port, post(method, params))
                before = list(harness.warnings)
                await harness.talk(one.port, post("tools/call", '{"name":"gte"}'))
        return before

    assert play(scenario()) == []
    assert [text.partition(":")[0] for text in harness.warnings] == ["s/gte"]
