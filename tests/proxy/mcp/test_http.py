"""MCP through the proxy, by the bytes that a raw client and a raw server see."""

import asyncio
import json
import time

import pytest

from earthwire.fault_models.plan import Plan
from earthwire.fault_models.profile import ErrorResponse
from earthwire.fault_models.steps.delivery import deliver
from earthwire.fault_models.steps.layer import LAYERS
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp import McpConfig

RESULT = {"content": [{"type": "text", "text": '{"id": 1, "name": "a"}'}]}
DUE_S = 0.15


def message(method="tools/call", request_id=1, name="get", meta=None, **members):
    params = {"name": name, "arguments": {}} | ({"_meta": meta} if meta else {})
    return json.dumps(
        {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params, **members}
    ).encode()


def post(body, headers=b"", target=b"/m/s/mcp", close=True):
    connection = b"Connection: close\r\n" if close else b""
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%b%bContent-Length: %d\r\n\r\n%b"
        % (target, headers, connection, len(body), body)
    )


def json_answer(result=RESULT, request_id=1, extra=b""):
    body = json.dumps({"jsonrpc": "2.0", "id": request_id, "result": result}).encode()
    head = (
        b"HTTP/1.1 200 OK\r\nServer: real\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    )
    return head % (extra, len(body)) + body


def events(*messages):
    data = b"".join(b"event: message\r\ndata: %b\r\n\r\n" % json.dumps(one).encode() for one in messages)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head, b"%x\r\n%b\r\n" % (len(data), data)


def planned(kind, due_s=0.0, response=None):
    return Plan(kind, due_s, due_s, deliver(kind, due_s, due_s, response, 0.5), "tool")


def exchange(harness, play, request, reply, *plans, config=None, **options):
    """Send one request; return head, body, the records, what the server got, and how long it took."""

    async def scenario():
        async with harness.upstream(reply) as upstream:
            server = McpConfig(url=f"http://127.0.0.1:{upstream.port}/mcp", **(config or {}))
            async with harness.proxy(
                upstream.port, *plans, upstreams={}, mcp={"s": server}, **options
            ) as running:
                started_s = time.monotonic()
                received = await harness.talk(running.port, request)
                took_s = time.monotonic() - started_s
            return received, running.records(), upstream.requests, took_s

    received, records, requests, took_s = play(scenario())
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body, records, requests, took_s


def test_a_good_call_passes_when_it_is_due_and_is_keyed_by_its_tool(harness, play):
    head, body, records, requests, took_s = exchange(
        harness, play, post(message()), json_answer(), planned("ok", DUE_S)
    )
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(body)["result"] == RESULT
    assert took_s >= DUE_S
    assert requests[0].startswith(b"POST /mcp HTTP/1.1\r\n")
    assert (records[0].tool, records[0].gen_ai_tool_name, records[0].outcome) == ("s/get", "get", "ok")
    assert (records[0].mcp_method_name, records[0].jsonrpc_request_id) == ("tools/call", "1")


def test_host_and_origin_are_the_servers_own_and_codings_are_not_offered(harness, play):
    headers = b"Origin: http://localhost:3000\r\nAccept-Encoding: gzip\r\nMcp-Method: tools/call\r\nMcp-Name: get\r\n"
    _, _, _, requests, _ = exchange(harness, play, post(message(), headers), json_answer(), planned("ok"))
    authority = requests[0].split(b"Host: ")[1].split(b"\r\n")[0]
    assert b"Origin: http://" + authority + b"\r\n" in requests[0]
    assert b"Accept-Encoding" not in requests[0]
    assert b"Mcp-Method: tools/call\r\nMcp-Name: get\r\n" in requests[0]


@pytest.mark.parametrize("headers", [b"Origin: http://evil.example\r\n"])
def test_a_foreign_page_does_not_reach_the_server(harness, play, headers):
    head, _, records, requests, _ = exchange(
        harness, play, post(message(), headers), json_answer(), planned("ok")
    )
    assert head.startswith(b"HTTP/1.1 403 ")
    assert requests == []
    assert records[0].error_type == "foreign_origin"


@pytest.mark.parametrize("method", ["initialize", "tools/list", "ping", "server/discover", "prompts/list"])
def test_what_holds_a_session_together_is_never_touched(harness, play, method):
    head, body, records, _, _ = exchange(
        harness,
        play,
        post(message(method)),
        json_answer(),
        planned("http_5xx:503"),
        config={"layers": LAYERS},
    )
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(body)["result"] == RESULT
    assert harness.planner.calls == []
    assert records[0].tool == f"s/{method}"


def test_a_notification_passes_and_leaves_no_record(harness, play):
    accepted = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    note = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    head, body, records, requests, _ = exchange(harness, play, post(note), accepted, planned("conn_error"))
    assert (head.split(b"\r\n")[0], body, records) == (b"HTTP/1.1 202 Accepted", b"", [])
    assert requests[0].endswith(note)


def test_a_tool_error_never_reaches_the_server_and_looks_like_its_answers(harness, play):
    recorded = ErrorResponse(1, 200, None, "INTERNAL_ERROR")
    head, body, records, requests, took_s = exchange(
        harness, play, post(message(request_id="x")), json_answer(), planned("tool_error", DUE_S, recorded)
    )
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "id": "x",
        "result": {"content": [{"type": "text", "text": "INTERNAL_ERROR"}], "isError": True},
    }
    assert b"earthwire" not in (head + body).lower()
    assert took_s >= DUE_S
    assert requests == []
    assert (records[0].outcome, records[0].error_type, records[0].origin) == (
        "tool_error",
        "tool_error",
        "injected",
    )
    assert records[0].error_message == "INTERNAL_ERROR"


def test_a_protocol_error_is_recorded_with_its_code(harness, play):
    _, body, records, _, _ = exchange(
        harness, play, post(message()), json_answer(), planned("rpc_error:-32603")
    )
    assert json.loads(body)["error"]["code"] == -32603
    assert (records[0].outcome, records[0].rpc_response_status_code) == ("rpc_error", "-32603")
    assert records[0].http_response_status_code == 200


def test_a_status_stays_one_only_where_that_layer_is_open(harness, play):
    closed = exchange(harness, play, post(message()), json_answer(), planned("http_5xx:503"))
    assert json.loads(closed[1])["result"]["isError"] is True
    opened = exchange(
        harness, play, post(message()), json_answer(), planned("http_5xx:503"), config={"layers": ("http",)}
    )
    assert opened[0].startswith(b"HTTP/1.1 503 ")
    assert opened[2][-1].outcome == "http_error"


def test_a_damaged_answer_is_whole_json_rpc_of_its_own_length(harness, play):
    head, body, records, _, _ = exchange(
        harness, play, post(message()), json_answer(), planned("malformed:truncated")
    )
    text = json.loads(body)["result"]["content"][0]["text"]
    whole = RESULT["content"][0]["text"]
    assert text == whole[: len(whole) // 2]
    assert b"content-length: %d" % len(body) in head.lower()
    assert records[0].origin == "injected"


def test_a_refused_and_a_failed_call_of_the_server_itself_are_recorded_as_such(harness, play):
    failed = json_answer({"content": [{"type": "text", "text": "no such city"}], "isError": True})
    _, _, records, _, _ = exchange(harness, play, post(message()), failed, planned("ok"))
    assert (records[0].outcome, records[0].origin, records[0].error_message) == (
        "tool_error",
        "upstream",
        "no such city",
    )


def test_the_episode_comes_from_path_header_message_and_baggage_in_this_order(harness, play):
    meta = {"earthwire/episode": "from-meta", "baggage": "earthwire.episode=from-meta-baggage"}
    header, baggage = b"x-earthwire-episode: from-header\r\n", b"baggage: earthwire.episode=from-baggage\r\n"
    cases = [
        (post(message(meta=meta), header + baggage, b"/e/from-path/m/s/mcp"), "from-path"),
        (post(message(meta=meta), header + baggage), "from-header"),
        (post(message(meta=meta), baggage), "from-meta"),
        (post(message(meta={"baggage": meta["baggage"]})), "from-meta-baggage"),
        (post(message(), baggage), "from-baggage"),
        (post(message()), "default"),
    ]
    for request, expected in cases:
        _, _, records, _, _ = exchange(harness, play, request, json_answer(), planned("ok"))
        assert records[-1].episode == expected


def test_the_trace_context_of_a_message_is_recorded(harness, play):
    meta = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"}
    headers = b"Mcp-Session-Id: secret\r\nMCP-Protocol-Version: 2025-11-25\r\n"
    _, _, records, _, _ = exchange(
        harness, play, post(message(meta=meta), headers), json_answer(), planned("ok")
    )
    assert records[0].trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert records[0].parent_span_id == "00f067aa0ba902b7"
    assert json.loads(records[0].attributes)["mcp.protocol.version"] == "2025-11-25"
    assert "secret" not in records[0].attributes


@pytest.mark.parametrize("body", [b"not json", b"", b'{"jsonrpc":"2.0"}'])
def test_what_is_no_message_passes_for_the_server_to_judge(harness, play, body):
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"
    head, _, _, requests, _ = exchange(harness, play, post(body), answer, planned("conn_error"))
    assert head.startswith(b"HTTP/1.1 400 ")
    assert requests[0].endswith(b"\r\n\r\n" + body)


def test_a_batch_passes_untouched_and_is_warned_of(harness, play):
    batch = b"[" + message() + b"]"
    _, body, _, _, _ = exchange(harness, play, post(batch), json_answer(), planned("tool_error"))
    assert json.loads(body)["result"] == RESULT
    assert [text for text in harness.warnings if "batches" in text]


def test_a_message_beyond_the_bound_is_refused(harness, play):
    limits = Limits(whole_body_bytes_max=100)
    head, _, records, requests, _ = exchange(
        harness, play, post(message(name="x" * 100)), json_answer(), planned("ok"), limits=limits
    )
    assert head.startswith(b"HTTP/1.1 413 ")
    assert requests == []
    assert records[0].error_type == "message_too_long"


@pytest.mark.parametrize("target", [b"/m/other/mcp", b"/m/s/other", b"/m/s"])
def test_only_the_endpoint_is_served(harness, play, target):
    head, body, _, _, _ = exchange(
        harness, play, post(message(), target=target), json_answer(), planned("ok")
    )
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"/m/s/mcp" in body


def test_structured_content_is_held_against_what_the_server_promised(harness, play):
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    tools = json_answer({"tools": [{"name": "get", "outputSchema": schema}]})
    wrong = json_answer({"content": [], "structuredContent": {"id": "one"}})

    async def scenario():
        async with harness.upstream(lambda request: tools if b"tools/list" in request else wrong) as upstream:
            server = McpConfig(url=f"http://127.0.0.1:{upstream.port}/mcp")
            async with harness.proxy(
                upstream.port, planned("ok"), upstreams={}, mcp={"s": server}
            ) as running:
                await harness.talk(running.port, post(message("tools/list")))
                await harness.talk(running.port, post(message()))
            return running.records()

    records = play(scenario())
    assert json.loads(records[1].attributes) == {"earthwire.mcp.schema_valid": False}


def streaming(harness, play, plan, steps, config=None):
    """Have a server send events one after another; return the times and bytes of what came, and the records."""

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        await steps(writer)

    async def scenario():
        async with harness.server(serve) as port:
            server = McpConfig(url=f"http://127.0.0.1:{port}/mcp", **(config or {}))
            async with harness.proxy(port, plan, upstreams={}, mcp={"s": server}) as running:
                reader, writer = await harness.connect(running.port)
                started_s = time.monotonic()
                writer.write(post(message()))
                came = []
                while data := await reader.read(1 << 16):
                    came.append((time.monotonic() - started_s, data))
                writer.close()
            return came, running.records()

    return play(scenario())


def test_what_a_server_says_before_its_answer_passes_at_once(harness, play):
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
    head, first = events(progress)
    _, last = events({"jsonrpc": "2.0", "id": 1, "result": RESULT})

    async def steps(writer):
        writer.write(head + first)
        await writer.drain()
        writer.write(last + b"0\r\n\r\n")
        await writer.drain()

    came, records = streaming(harness, play, planned("ok", 0.4), steps)
    progress_s = next(at_s for at_s, data in came if b"notifications/progress" in data)
    answer_s = next(at_s for at_s, data in came if b'"result"' in data)
    assert progress_s < 0.4 <= answer_s
    assert b"".join(data for _, data in came).endswith(b"0\r\n\r\n")
    assert (records[0].outcome, records[0].content_type) == ("ok", "text/event-stream")


def test_a_server_that_waits_for_the_client_in_the_middle_of_a_call_is_not_kept_waiting(harness, play):
    """An elicitation comes whole, with its last byte, although the answer is not due for long."""
    question = {"jsonrpc": "2.0", "id": 0, "method": "elicitation/create", "params": {}}
    head, first = events(question)
    _, last = events({"jsonrpc": "2.0", "id": 1, "result": RESULT})
    answered = asyncio.Event()

    async def steps(writer):
        writer.write(head + first)
        await writer.drain()
        await answered.wait()
        writer.write(last + b"0\r\n\r\n")
        await writer.drain()

    async def serve(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        length = int(request.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if b'"method": "tools/call"' in await reader.readexactly(length):
            await steps(writer)
        else:
            answered.set()
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    async def scenario():
        async with harness.server(serve) as port:
            server = McpConfig(url=f"http://127.0.0.1:{port}/mcp")
            async with harness.proxy(port, planned("ok", 0.3), upstreams={}, mcp={"s": server}) as running:
                reader, writer = await harness.connect(running.port)
                writer.write(post(message()))
                await reader.readuntil(b"elicitation/create")
                await reader.readuntil(b"\r\n\r\n")
                await harness.talk(running.port, post(b'{"jsonrpc":"2.0","id":0,"result":{}}'))
                return await reader.read()

    assert b'"result"' in play(scenario())


def test_a_question_on_the_stream_of_the_session_passes_while_a_call_waits_for_its_answer(harness, play):
    """The head of that stream passes before there is an event, and each event as it comes."""
    head, question = events({"jsonrpc": "2.0", "id": 0, "method": "sampling/createMessage", "params": {}})
    called, answered = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        if request.startswith(b"GET"):
            writer.write(head)
            await called.wait()
            writer.write(question)
            await answered.wait()
            writer.write(b"0\r\n\r\n")
            return
        length = int(request.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if b'"method": "tools/call"' in await reader.readexactly(length):
            called.set()
            await answered.wait()
            writer.write(json_answer())
        else:
            answered.set()
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    async def scenario():
        async with harness.server(serve) as port:
            server = McpConfig(url=f"http://127.0.0.1:{port}/mcp")
            async with harness.proxy(port, planned("ok", 0.0), upstreams={}, mcp={"s": server}) as running:
                stream, stream_writer = await harness.connect(running.port)
                stream_writer.write(
                    b"GET /m/s/mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
                )
                await stream.readuntil(b"\r\n\r\n")
                call, call_writer = await harness.connect(running.port)
                call_writer.write(post(message()))
                await stream.readuntil(b"sampling/createMessage")
                await harness.talk(running.port, post(b'{"jsonrpc":"2.0","id":0,"result":{}}'))
                return await call.read()

    assert b'"result"' in play(scenario())


def test_after_a_stream_our_own_answers_are_events_too(harness, play):
    head, last = events({"jsonrpc": "2.0", "id": 1, "result": {}})

    async def scenario():
        async with harness.upstream(head + last + b"0\r\n\r\n") as upstream:
            server = McpConfig(url=f"http://127.0.0.1:{upstream.port}/mcp")
            async with harness.proxy(
                upstream.port, planned("tool_error"), upstreams={}, mcp={"s": server}
            ) as running:
                await harness.talk(running.port, post(message("tools/list")))
                return await harness.talk(running.port, post(message()))

    received = play(scenario())
    assert b"content-type: text/event-stream" in received
    assert b'data: {"jsonrpc"' in received


def test_our_own_results_say_who_the_server_is_where_its_results_do(harness, play):
    info = {"io.modelcontextprotocol/serverInfo": {"name": "files", "version": "1"}}
    listed = json_answer({"tools": [], "_meta": {**info, "other": 1}})

    async def scenario():
        async with harness.upstream(listed) as upstream:
            server = McpConfig(url=f"http://127.0.0.1:{upstream.port}/mcp")
            async with harness.proxy(
                upstream.port, planned("tool_error"), upstreams={}, mcp={"s": server}
            ) as running:
                await harness.talk(running.port, post(message("tools/list")))
                return await harness.talk(running.port, post(message()))

    received = play(scenario())
    assert json.loads(received.partition(b"\r\n\r\n")[2])["result"]["_meta"] == info
    assert b"Server: real\r\n" in received


def test_a_client_that_closes_the_stream_takes_its_request_back(harness, play):
    """From 2026-07-28 on that is how a call is cancelled: the server has to see it."""
    gone = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        while await reader.read(1 << 16):
            pass
        gone.set()

    async def scenario():
        async with harness.server(serve) as port:
            server = McpConfig(url=f"http://127.0.0.1:{port}/mcp")
            async with harness.proxy(port, planned("ok"), upstreams={}, mcp={"s": server}) as running:
                reader, writer = await harness.connect(running.port)
                writer.write(post(message(), close=False))
                await reader.readuntil(b"\r\n\r\n")
                writer.close()
                await gone.wait()
            return running.records()

    records = play(scenario())
    assert (records[0].outcome, records[0].latency_censoring) == ("cancelled", "right")


def test_streams_and_ends_of_sessions_pass_with_their_headers(harness, play):
    reply = b"HTTP/1.1 200 OK\r\nMcp-Session-Id: abc\r\nContent-Length: 0\r\n\r\n"
    for method in (b"GET", b"DELETE"):
        request = (
            method + b" /m/s/mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: abc\r\nLast-Event-ID: 7\r\n"
            b"Accept: text/event-stream\r\nConnection: close\r\n\r\n"
        )
        head, _, records, requests, _ = exchange(harness, play, request, reply, planned("conn_error"))
        assert b"Mcp-Session-Id: abc" in head
        assert requests[0].startswith(method + b" /mcp HTTP/1.1")
        assert b"Last-Event-ID: 7\r\n" in requests[0]
        assert records == []


def test_each_session_of_the_protocol_is_one_in_the_records(harness, play):
    """All were a single one, from which nothing can be learned of what the calls of a session share."""
    opens = json_answer(extra=b"Mcp-Session-Id: 7\r\n")
    named = b"Mcp-Session-Id: 7\r\n"
    cases = [
        (post(message("initialize")), opens),
        (post(message(), named), json_answer()),
        (post(message(), b"Mcp-Session-Id: 8\r\n"), json_answer()),
        (post(message()), json_answer()),
        (post(message(), named + b"x-earthwire-episode: e1\r\n"), json_answer()),
    ]
    found = []
    for request, answer in cases:
        _, _, records, _, _ = exchange(harness, play, request, answer, planned("ok"))
        found.append(records[-1].session_id)
    assert found[0] == found[1] != found[2]
    assert found[0].startswith("default-")
    assert found[3:] == ["default", "e1"]
