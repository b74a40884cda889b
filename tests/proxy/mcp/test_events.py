"""Events of a stream in any pieces, with any line ends."""

import pytest

from earthwire.proxy.mcp.events import EventSplitter, data_of, event_of, with_data

STREAMS = [
    b"data: 1\n\ndata: 2\n\n",
    b"id: 1\r\ndata: {}\r\n\r\n: ping\r\n\r\nevent: message\r\ndata: 2\r\n\r\n",
    b"data: 1\r\rdata: 2\r\r",
    b"data: 1\n\ndata: no end",
]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_events_are_the_stream_whatever_the_pieces(stream, size):
    splitter = EventSplitter(1000)
    events = [event for at in range(0, len(stream), size) for event in splitter.feed(stream[at : at + size])]
    whole = EventSplitter(1000).feed(stream)
    assert events == whole
    assert b"".join(events) + splitter.rest() == stream


def test_an_event_leaves_with_its_last_byte_not_with_the_next_event():
    splitter = EventSplitter(1000)
    assert splitter.feed(b"data: 1\n") == []
    assert splitter.feed(b"\n") == [b"data: 1\n\n"]


def test_an_event_beyond_the_bound_passes_in_pieces():
    splitter = EventSplitter(10)
    assert splitter.feed(b"data: " + b"x" * 20) == [b"data: " + b"x" * 20]
    assert splitter.rest() == b""


def test_data_of_several_lines_is_joined_and_written_back():
    event = b"event: message\ndata: {\ndata: }\nid: 4\n\n"
    assert data_of(event) == b"{\n}"
    assert with_data(event, b"a\nb") == b"event: message\ndata: a\ndata: b\nid: 4\n\n"


def test_an_event_of_ours_reads_back():
    assert data_of(event_of(b'{"a":1}')) == b'{"a":1}'
