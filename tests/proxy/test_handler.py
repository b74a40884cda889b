"""The proxy with nothing injected: what goes in comes out, in both directions."""

import asyncio
import socket


def test_response_is_relayed_with_its_headers_in_order_and_case(harness, play):
    answer = harness.response(b"hello", extra=b"X-One: 1\r\nx-ONE: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n")

    async def scenario():
        async with harness.upstream(answer) as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, harness.get())

    assert play(scenario()) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX-One: 1\r\nx-ONE: 2\r\n"
        b"Connection: close\r\n\r\nhello"
    )


def test_request_is_serialised_anew_without_hop_by_hop_headers(harness, play):
    extra = (
        b"X-Twice: 1\r\nx-twice: 2\r\nKeep-Alive: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\nTE: trailers\r\n"
        b"X-Earthwire-Episode: run-1\r\nUpgrade: h2c\r\n"
    )

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            await harness.talk(running.port, harness.get("/x?y=1", extra))
            return upstream, running

    upstream, running = play(scenario())
    assert upstream.requests == [
        b"GET /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Twice: 1\r\nx-twice: 2\r\n\r\n" % upstream.port
    ]
    assert running.records()[0].episode == "run-1"


def test_body_with_content_length_is_not_chunked(harness, play):
    request = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab\r\n"

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            await harness.talk(running.port, request)
            return upstream.requests[0]

    assert play(scenario()).endswith(b"\r\nContent-Length: 4\r\n\r\nab\r\n")


def test_chunked_bodies_pass_in_both_directions(harness, play):
    request = (
        b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;ext=1\r\nabc\r\n2\r\n\r\n\r\n0\r\nTrailer: x\r\n\r\n"
    )
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"

    async def scenario():
        async with harness.upstream(answer) as upstream, harness.proxy(upstream.port) as running:
            received = await harness.talk(running.port, request)
            return upstream.requests[0], received

    sent, received = play(scenario())
    assert sent.endswith(b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc\r\n\r\n0\r\n\r\n")
    assert received.endswith(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


def test_requests_fed_byte_by_byte_are_served_alike(harness, play):
    first = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    second = b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    third = harness.get("/c")

    async def scenario(pieces):
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            received = await harness.talk(running.port, *pieces)
            return [request.split(b" ")[1] for request in upstream.requests], received

    whole = first + second + third
    targets, received = play(scenario([whole]))
    assert targets == [b"/a", b"/b", b"/c"]
    assert received.count(b"hello") == 3
    assert play(scenario([bytes([byte]) for byte in whole])) == (targets, received)


def test_empty_lines_before_a_request_are_ignored(harness, play):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, b"\r\n\r\n" + harness.get())

    assert play(scenario()).endswith(b"hello")


def test_connections_are_kept_alive_on_both_sides(harness, play):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            requests = [harness.get(close=False)] * 4 + [harness.get()]
            received = await harness.talk(running.port, b"".join(requests))
            return upstream.connection_count, received.count(b"200 OK")

    assert play(scenario()) == (1, 5)


def test_head_204_and_304_have_no_body(harness, play):
    def reply(request: bytes) -> bytes:
        if request.startswith(b"HEAD"):
            return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        status = request.split(b" ")[1].strip(b"/")
        return b"HTTP/1.1 %b X\r\n\r\n" % status

    async def scenario():
        async with harness.upstream(reply) as upstream, harness.proxy(upstream.port) as running:
            head = b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"
            requests = head + harness.get("/204", close=False) + harness.get("/304", close=False) + head
            received = await harness.talk(running.port, requests + harness.get("/204"))
            return upstream.connection_count, received

    connection_count, received = play(scenario())
    assert connection_count == 1
    assert received == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        b"HTTP/1.1 204 X\r\n\r\nHTTP/1.1 304 X\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n"
    )


def test_http_1_0_client_gets_no_chunks_and_a_closed_connection(harness, play):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    async def scenario():
        async with harness.upstream(answer) as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, b"GET /x HTTP/1.0\r\n\r\n")

    assert play(scenario()) == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"


def test_http_1_0_keep_alive_is_confirmed(harness, play):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            keep = b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            return await harness.talk(running.port, keep, b"GET /x HTTP/1.0\r\n\r\n")

    received = play(scenario())
    assert received.count(b"hello") == 2
    assert b"Connection: keep-alive\r\n\r\nhello" in received


def test_response_that_ends_with_its_connection_becomes_chunked(harness, play):
    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhello")

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            return await harness.talk(running.port, harness.get())

    received = play(scenario())
    assert received.endswith(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


def test_expect_continue_is_answered_before_the_body(harness, play):
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(head)
            interim = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"abc")
            rest = await reader.read()
            writer.close()
            return interim, rest, upstream.requests[0]

    interim, rest, sent = play(scenario())
    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert rest.endswith(b"hello")
    assert b"xpect" not in sent


def test_interim_responses_are_skipped_up_to_a_bound(harness, play):
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    async def scenario(count):
        async with (
            harness.upstream(hint * count + harness.response()) as upstream,
            harness.proxy(upstream.port) as running,
        ):
            return await harness.talk(running.port, harness.get())

    assert play(scenario(3)).startswith(b"HTTP/1.1 200 OK\r\nContent-Type")
    assert play(scenario(50)).startswith(b"HTTP/1.1 502 ")


def test_upgrade_wish_is_ignored_and_the_connection_goes_on(harness, play):
    wish = (
        b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABk\r\nContent-Length: 3\r\n\r\nabc"
    )

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            received = await harness.talk(running.port, wish + harness.get())
            return received.count(b"hello"), upstream.requests[0]

    count, sent = play(scenario())
    assert count == 2
    assert b"pgrade" not in sent
    assert b"HTTP2" not in sent


def test_large_bodies_pass_unchanged_in_both_directions(harness, play):
    body = bytes(range(256)) * 8192

    async def scenario():
        async with (
            harness.upstream(lambda request: harness.response(request.partition(b"\r\n\r\n")[2])) as upstream,
            harness.proxy(upstream.port) as running,
        ):
            head = b"PUT /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(
                body
            )
            return await harness.talk(running.port, head + body)

    assert play(scenario()).partition(b"\r\n\r\n")[2] == body


def test_unreachable_upstream_is_an_honest_502_of_the_proxy(harness, play):
    async def scenario():
        # Bound but not listening: nobody else can get the port meanwhile.
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            async with harness.proxy(port) as running:
                return await harness.talk(running.port, harness.get(close=False) + harness.get()), running

    received, running = play(scenario())
    assert received.count(b"HTTP/1.1 502 Bad Gateway\r\n") == 2
    assert b'"code":"connect_failed"' in received
    record = running.records()[0]
    assert (record.origin, record.outcome, record.error_type) == ("proxy", "http_error", "connect_failed")
    assert "does not answer yet" in harness.warnings[0]


def test_upstream_that_closes_without_answer_is_a_502(harness, play):
    async def scenario():
        async with harness.upstream(b"") as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, harness.get()), running

    received, running = play(scenario())
    assert received.startswith(b"HTTP/1.1 502 ")
    assert running.records()[0].error_type == "no_response"


def test_malformed_response_is_a_502(harness, play):
    async def scenario():
        async with harness.upstream(b"SMTP ready\r\n") as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, harness.get())

    assert b'"code":"bad_response"' in play(scenario())


def test_upstream_that_cuts_its_body_cuts_the_client_s(harness, play):
    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            return await harness.talk(running.port, harness.get(close=False)), running

    received, running = play(scenario())
    assert received == b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
    record = running.records()[0]
    assert (record.origin, record.outcome, record.error_type) == ("upstream", "conn_error", "body_cut")


def test_idempotent_request_is_repeated_on_a_stale_connection(harness, play):
    count = 0

    def reply(request: bytes) -> bytes:
        nonlocal count
        count += 1
        return b"" if count == 2 else harness.response()

    async def scenario():
        async with harness.upstream(reply) as upstream, harness.proxy(upstream.port) as running:
            received = await harness.talk(running.port, harness.get(close=False) + harness.get())
            return received.count(b"hello"), len(upstream.requests)

    assert play(scenario()) == (2, 3)


def test_post_is_never_sent_twice(harness, play):
    post = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    count = 0

    def reply(request: bytes) -> bytes:
        nonlocal count
        count += 1
        return b"" if count == 2 else harness.response()

    async def scenario():
        async with harness.upstream(reply) as upstream, harness.proxy(upstream.port) as running:
            received = await harness.talk(running.port, harness.get(close=False) + post + harness.get())
            return received, len(upstream.requests)

    received, request_count = play(scenario())
    assert received.count(b"HTTP/1.1 502 ") == 1
    assert request_count == 3


def test_record_names_what_happened(harness, play):
    body = b'{"a": 1}'
    answer = b"HTTP/1.1 429 Slow Down\r\nContent-Type: application/json\r\nRetry-After: 3\r\nContent-Length: 8\r\n\r\n"

    async def scenario():
        async with harness.upstream(answer + body) as upstream, harness.proxy(upstream.port) as running:
            await harness.talk(running.port, harness.get("/e/run-2/t/tool/x?y=1"))
            return running

    record = play(scenario()).records()[0]
    assert (record.tool, record.session_id, record.episode, record.seq) == ("GET tool/x", "run-2", "run-2", 0)
    assert (record.outcome, record.http_response_status_code) == ("http_error", 429)
    assert (record.retry_after_s, record.body_class, record.content_type) == (
        3.0,
        "json_object",
        "application/json",
    )
    assert (record.http_response_body_size, record.declared_content_length) == (8, 8)
    assert (record.seed, record.profile_hash, record.call_index) == (7, "test", 0)
    assert record.origin == "upstream"
    assert 0 < record.ttfb_ns <= record.duration_ns


def test_slow_reader_holds_the_upstream_back(harness, play):
    """64 MiB are on offer; what leaves the upstream is bounded by buffers as long as the client does not read."""
    piece = b"x" * 65536
    total = 1024
    sent_bytes = 0

    async def converse(reader, writer):
        nonlocal sent_bytes
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (total * len(piece)))
        for _ in range(total):
            writer.write(piece)
            await writer.drain()
            sent_bytes += len(piece)

    async def still(value):
        """Wait until a value has not changed for some turns of the network."""
        before = -1
        while before != value():
            before = value()
            await asyncio.sleep(0.2)

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            reader, writer = await harness.connect(running.port, limit=65536)
            writer.write(harness.get())
            await still(lambda: sent_bytes)
            held_bytes = sent_bytes
            received = await reader.read(-1)
            writer.close()
            return held_bytes, len(received)

    held_bytes, received_bytes = play(scenario())
    assert held_bytes < 24 * 1024 * 1024
    assert received_bytes > total * len(piece)


def test_thousand_delayed_calls_at_once_are_all_answered(harness, play):
    from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Wait

    plan = harness.plan(Forward(), Wait(0.5), RelayHead(), RelayBody(0.5), last_byte_s=0.5)

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, plan) as running,
        ):
            answers = await asyncio.gather(*(harness.talk(running.port, harness.get()) for _ in range(1000)))
            return answers, running

    answers, running = play(scenario())
    assert all(answer.endswith(b"hello") for answer in answers)
    records = running.records()
    assert len(records) == 1000
    assert all(record.lateness_ns >= 0 for record in records)


def test_a_draw_is_told_the_time_of_its_call_counted_from_the_first_of_its_episode(harness, play):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            await harness.talk(running.port, harness.get("/e/one/x"))
            await asyncio.sleep(0.02)
            await harness.talk(running.port, harness.get("/e/one/x"))
            await harness.talk(running.port, harness.get("/e/two/x"))
        return [(call.episode, call.at_s) for call in harness.planner.calls], running.records()

    calls, records = play(scenario())
    starts = [record.start_time_unix_nano for record in records]
    assert [episode for episode, _ in calls] == ["one", "one", "two"]
    assert (calls[0][1], calls[2][1]) == (0.0, 0.0)
    assert abs(calls[1][1] - (starts[1] - starts[0]) / 1e9) < 1e-6


def test_an_error_report_of_the_upstream_under_a_good_status_is_recorded_as_such(harness, play):
    answers = iter([b'{"error": "no quota"}', b'{"id": 7, "error": "of a job"}'])

    def reply(_: bytes) -> bytes:
        return harness.response(next(answers)).replace(b"text/plain", b"application/json")

    async def scenario():
        nonlocal answers
        answers = iter([b'{"error": "no quota"}', b'{"id": 7, "error": "of a job"}'])
        async with harness.upstream(reply) as upstream, harness.proxy(upstream.port) as running:
            for _ in range(2):
                await harness.talk(running.port, harness.get())
            return running

    assert [(one.outcome, one.origin) for one in play(scenario()).records()] == [
        ("semantic_error", "upstream"),
        ("ok", "upstream"),
    ]
