import pytest

from earthwire.traces.labels.stream_damage import events_of, stream_damage

CHAT = b'data: {"choices":[]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    ("body", "damage"),
    [
        (CHAT, None),
        (CHAT[:-14], "disconnect"),
        (b'event: message_start\ndata: {"type":"message_start"}\n\n', "disconnect"),
        (b'data: {"type":"message_start"}\n\ndata: {"type":"message_stop"}\n\n', None),
        (b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n', "disconnect"),
        (b'data: {"jsonrpc":"2.0","id":1,"error":{"code":-32603}}\n\n', None),
        (b"data: x\n\nda", "disconnect"),
        (b"data: x\r\n\r\n", None),
        (b'data: x\n\nevent: error\ndata: {"type":"error"}\n\n', "error"),
        (b'data: {"error":{"message":"x"}}\n\n', "error"),
        (b"id: 1\ndata: x\n\nid: 1\ndata: x\n\n", "duplicate"),
        (b"data: x\n\ndata: x\n\n", None),
    ],
)
def test_streams(body: bytes, damage: str | None) -> None:
    assert stream_damage(body) == damage


def test_events_joined_are_the_body() -> None:
    body = b"data: 1\r\n\r\ndata: 2\n\ndata: 3"
    assert b"".join(events_of(body)) == body
    assert len(events_of(body)) == 3
