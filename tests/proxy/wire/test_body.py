"""Buffered bodies: order, bounds, ends, and who is woken."""

import asyncio

import pytest

from earthwire.proxy.wire.body import NO_BODY, Body, complete_body


class Flow:
    def __init__(self) -> None:
        self.log: list[str] = []

    def pause_reading(self) -> None:
        self.log.append("pause")

    def resume_reading(self) -> None:
        self.log.append("resume")


def test_bytes_come_out_in_order_and_once():
    body = Body(None, 100)
    body.feed(b"ab")
    body.feed(b"cd")
    assert (body.take(), body.take(), body.received_bytes) == (b"abcd", b"", 4)


def test_source_pauses_above_the_bound_and_goes_on_when_it_was_read():
    flow = Flow()
    body = Body(flow, 4)
    body.feed(b"abcd")
    assert flow.log == []
    body.feed(b"e")
    assert flow.log == ["pause"]
    body.take()
    assert flow.log == ["pause", "resume"]


def test_end_lets_the_source_go_on():
    """What comes behind this body must not wait for its reader."""
    flow = Flow()
    body = Body(flow, 1)
    body.feed(b"abc")
    body.finish()
    assert flow.log == ["pause", "resume"]
    assert (body.complete, body.take()) == (True, b"abc")


@pytest.mark.parametrize(
    ("bytes_max", "first", "rest"), [(0, b"", b"abcd"), (3, b"abc", b"d"), (9, b"abcd", b"")]
)
def test_part_is_taken_and_the_rest_stays(bytes_max, first, rest):
    body = Body(None, 100)
    body.feed(b"ab")
    body.feed(b"cd")
    assert (body.take_most(bytes_max), body.take()) == (first, rest)


def test_rest_of_a_part_still_holds_the_source_back():
    flow = Flow()
    body = Body(flow, 4)
    body.feed(b"abcdefgh")
    body.take_most(1)
    assert flow.log == ["pause", "resume", "pause"]
    body.take()
    assert flow.log[-1] == "resume"


def test_discarded_bytes_are_counted_and_not_held():
    flow = Flow()
    body = Body(flow, 4)
    body.feed(b"ab")
    body.discard()
    body.feed(b"x" * 100)
    assert (body.take(), body.received_bytes, flow.log) == (b"", 102, [])


def test_failure_is_told_once_and_after_what_is_buffered(harness):
    async def scenario():
        body = Body(None, 100)
        body.feed(b"ab")
        body.fail(ValueError("first"))
        body.fail(ValueError("second"))
        assert await body.more()
        assert body.take() == b"ab"
        with pytest.raises(ValueError, match="first"):
            await body.more()
        await body.ended()
        assert not await body.buffered_whole()

    asyncio.run(scenario())


def test_complete_body_cannot_fail():
    body = complete_body(b"ab")
    body.fail(ValueError())
    assert (body.complete, body.error, body.take()) == (True, None, b"ab")


def test_reader_is_woken_by_bytes_and_by_the_end(harness):
    async def scenario():
        body = Body(None, 100)
        _, result = harness.in_fiber(body.more())
        assert not result.done()
        body.feed(b"a")
        body.wake()
        assert await result
        body.take()
        _, result = harness.in_fiber(body.more())
        body.finish()
        body.wake()
        assert await result is False

    asyncio.run(scenario())


@pytest.mark.parametrize(("data", "whole"), [(b"abc", True), (b"x" * 50, False)])
def test_whole_body_is_waited_for_within_the_bound(harness, data, whole):
    async def scenario():
        body = Body(Flow(), 10)
        _, result = harness.in_fiber(body.buffered_whole())
        body.feed(data)
        if whole:
            body.finish()
        body.wake()
        assert await result is whole
        assert body.take() == data

    asyncio.run(scenario())


@pytest.mark.parametrize(("bytes_max", "expected"), [(4, b"abcd"), (3, None)])
def test_reading_all_has_a_bound(harness, bytes_max, expected):
    async def scenario():
        body = Body(None, 100)
        body.feed(b"ab")
        body.feed(b"cd")
        body.finish()
        assert await body.read_all(bytes_max) == expected

    asyncio.run(scenario())


def test_kept_bytes_are_all_or_nothing():
    body = Body(None, 100)
    body.keep(4)
    body.feed(b"ab")
    body.take()
    assert body.kept() is None
    body.feed(b"cd")
    body.finish()
    assert body.kept() == b"abcd"
    long = Body(None, 100)
    long.keep(3)
    long.feed(b"abcd")
    long.finish()
    assert long.kept() is None


def test_no_body_is_never_changed():
    NO_BODY.keep(10)
    assert (NO_BODY.complete, NO_BODY.take(), NO_BODY.trailers) == (True, b"", b"")
