"""Lines in any pieces, and lines that are too long."""

import pytest

from earthwire.proxy.mcp.lines import LineSplitter


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_lines_are_the_stream_whatever_the_pieces(size):
    stream = b'{"a":1}\n\n{"b":"\r"}\r\nlast'
    splitter = LineSplitter(100)
    pieces = [piece for at in range(0, len(stream), size) for piece in splitter.feed(stream[at : at + size])]
    assert pieces == [(b'{"a":1}\n', True), (b"\n", True), (b'{"b":"\r"}\r\n', True)]
    assert splitter.rest() == b"last"


def test_a_line_beyond_the_bound_passes_in_pieces_that_are_not_lines():
    splitter = LineSplitter(4)
    assert splitter.feed(b"abcdef") == [(b"abcdef", False)]
    assert splitter.feed(b"gh\nok\n") == [(b"gh\n", False), (b"ok\n", True)]
