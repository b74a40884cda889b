"""What reaches the tool when a proxy is sent requests whose framing can be read in two ways.

A witness stands in for the tool: it keeps every byte, and answers each request with its target, so that a response that
was meant for somebody else shows. After each case a fence is sent on a connection of its own: once its answer is there,
whatever the proxy had sent to the tool before has arrived as well, and a connection that was poisoned gives it away.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

CORPUS = Path(__file__).parents[1] / "tests" / "proxy" / "framing_corpus.yaml"
SILENCE_S = 0.25
"""A client that has heard nothing for so long takes it that nothing comes."""

PATIENCE_S = 10.0
FENCE = b"/fence"

_POST = "POST /attack HTTP/1.1\r\nHost: a\r\n"
_WORDS = {
    "<POST>": _POST,
    "<GET>": "GET /attack HTTP/1.1\r\nHost: a\r\n",
    "<CHUNKED>": f"{_POST}Transfer-Encoding: chunked\r\n\r\n",
    "<SMUGGLED>": "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
}
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[^\n]*\n")
_CHUNKED = re.compile(rb"^transfer-encoding[ \t]*:[^\n]*chunked", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)

Fate = Literal["refused", "cut", "forwarded"]


@dataclass(frozen=True, slots=True)
class Case:
    """One sequence of bytes that a client sends."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a case.

    Attributes:
        fate: ``refused`` if no byte of it reached the tool, ``cut`` if the beginning of a request did and its end never
            came, ``forwarded`` if a whole request did.
        requests: whole requests that reached the tool.
        received: bytes that the client got.
        fence: answer to the fence.
    """

    fate: Fate
    requests: list[bytes]
    received: bytes
    fence: bytes


def read_corpus(kind: Literal["attacks", "controls"]) -> list[Case]:
    """Return the attacks or the controls, in the order of the file."""
    written = yaml.safe_load(CORPUS.read_text("utf-8"))[kind]
    return [Case(name, _bytes_of(text)) for name, text in written.items()]


def _bytes_of(text: str) -> bytes:
    for word, meaning in _WORDS.items():
        text = text.replace(word, meaning)
    return text.encode("latin-1")


class Witness:
    """A tool that notes what it is sent, and answers each whole request with its target.

    Attributes:
        port: where it listens.
    """

    def __init__(self) -> None:
        self.port = 0
        self._requests: list[bytes] = []
        self._begun = b""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the proxy."""
        pending = b""
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                requests, pending = whole_requests(pending + data)
                self._begun += pending
                self._requests += requests
                for request in requests:
                    body = target_of(request)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    def take(self) -> tuple[list[bytes], bytes]:
        """Return the whole requests, fences left out, and the beginnings of others that came since the last time."""
        requests = [request for request in self._requests if target_of(request) != FENCE]
        begun = self._begun
        self._requests, self._begun = [], b""
        return requests, begun


def whole_requests(data: bytes) -> tuple[list[bytes], bytes]:
    """Split bytes into messages that are complete, read as leniently as a careless tool would, and the rest."""
    requests = []
    while True:
        head_end = data.find(b"\r\n\r\n") + 4
        if head_end < 4:
            return requests, data
        end = _body_end(data, head_end)
        if end is None:
            return requests, data
        requests.append(data[:end])
        data = data[end:]


def _body_end(data: bytes, start: int) -> int | None:
    head = data[:start]
    if _CHUNKED.search(head):
        return _chunked_end(data, start)
    length = _LENGTH.search(head)
    end = start + (int(length[1]) if length else 0)
    return end if end <= len(data) else None


def _chunked_end(data: bytes, at: int) -> int | None:
    while (line := _CHUNK.match(data, at)) is not None:
        size = int(line[1], 16)
        at = line.end() + size + 2
        if size == 0:
            ends = [found.end() for found in re.finditer(rb"\r\n\r\n", data[line.end() - 2 :])]
            return line.end() - 2 + ends[0] if ends else None
    return None


def target_of(request: bytes) -> bytes:
    """Return the target of a request, or ``?`` where its first line has none."""
    parts = request.split(b"\r\n", 1)[0].split(b" ")
    return parts[1] if len(parts) > 1 else b"?"


@contextlib.asynccontextmanager
async def listening_witness() -> AsyncIterator[Witness]:
    """Run a witness on the running loop; its `port` is where it listens."""
    witness = Witness()
    server = await asyncio.start_server(witness.converse, "127.0.0.1", 0)
    witness.port = server.sockets[0].getsockname()[1]
    try:
        yield witness
    finally:
        server.close()


async def attempt(
    witness: Witness,
    port: int,
    pieces: Sequence[bytes],
    silence_s: float = SILENCE_S,
    answers: int | None = None,
) -> Trial:
    """Send a case to a proxy before the witness, piece by piece, and find out what became of it.

    Args:
        witness: where the proxy forwards to.
        port: of the proxy.
        pieces: bytes to send.
        silence_s: what the client takes for the end.
        answers: number of whole answers after which the client leaves; None to wait for silence.
    """
    witness.take()
    received = await _converse(port, pieces, silence_s, answers)
    fence = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % FENCE
    fenced = await _converse(port, [fence], PATIENCE_S, answers=1)
    requests, begun = witness.take()
    fate: Fate = "forwarded" if requests else "cut" if begun else "refused"
    return Trial(fate, requests, received, fenced.partition(b"\r\n\r\n")[2])


async def _converse(port: int, pieces: Sequence[bytes], silence_s: float, answers: int | None) -> bytes:
    """Send pieces on a connection of their own; return what comes until it ends, falls silent, or is enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        for piece in pieces:
            if reader.at_eof() or writer.is_closing():
                break
            writer.write(piece)
            await asyncio.sleep(0)
        while answers is None or len(whole_requests(received)[0]) < answers:
            async with asyncio.timeout(silence_s):
                data = await reader.read(65536)
            if not data:
                break
            received += data
    writer.transport.abort()
    return received
