"""Closed-loop load: so many kept-alive connections, each with one request under way at any time."""

import asyncio
import shutil
import subprocess
from pathlib import Path

from contenders import BODY

CONNECTION_COUNT = 32


def write_script(folder: Path) -> Path:
    """Write what makes wrk's requests differ from each other, as those of an agent do."""
    path = folder / "vary.lua"
    path.write_text(
        """count = 0
        request = function()
          count = count + 1
          local headers = {["X-Request-Id"] = tostring(count), ["Accept"] = "application/json"}
          return wrk.format("GET", "/x.json?page=" .. count, headers)
        end""",
        encoding="utf-8",
    )
    return path


def load(
    port: int,
    duration_s: float,
    connection_count: int = CONNECTION_COUNT,
    script: Path | None = None,
    path: str = "/x.json",
) -> int:
    """Send requests on keep-alive connections for a while; return how many were answered."""
    if shutil.which("wrk") is None:
        return asyncio.run(load_with_asyncio(port, duration_s, connection_count, path))
    url = f"http://127.0.0.1:{port}{path}"
    options = [] if script is None else ["-s", str(script)]
    command = ["wrk", "-t1", f"-c{connection_count}", f"-d{max(1, round(duration_s))}s", *options, url]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"errors under load:\n{output}")
    return next(int(line.split()[0]) for line in output.splitlines() if "requests in" in line)


async def load_with_asyncio(port: int, duration_s: float, connection_count: int, path: str) -> int:
    loop = asyncio.get_running_loop()
    clients = [LoadClient(path) for _ in range(connection_count)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.sleep(duration_s)
    for client in clients:
        client.transport.abort()
    return sum(client.answered_count for client in clients)


class LoadClient(asyncio.Protocol):
    """Sends the next request as soon as the body of the last one is complete."""

    def __init__(self, path: str) -> None:
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.answered_count = 0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count a complete response and send the next request."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < len(BODY):
            return
        if b" 200 " not in head[:15]:
            raise SystemExit(f"errors under load: {head!r}")
        self.received = b""
        self.answered_count += 1
        self.transport.write(self.request)
