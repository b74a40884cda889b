"""``earthwire record``: pass calls through and record how the real tools behave."""

from pathlib import Path
from typing import Annotated

import typer

from earthwire.cli.commands.serve import serve
from earthwire.cli.console import messages

_CHUNK_BYTES = 1 << 20


def record(
    upstream: Annotated[
        list[str], typer.Option("--upstream", "-u", help="Real tool: URL, or NAME=URL for /t/NAME/…")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File that records are appended to (.jsonl).")
    ],
    bodies: Annotated[
        bool, typer.Option("--bodies", help="Keep URLs, headers and bodies, redacted; replay needs them.")
    ] = False,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0: any free one.")] = 8900,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Listen on an address other machines can reach.")
    ] = False,
) -> None:
    """Record real tools: forward every call unchanged and write what happened, ready for `earthwire calibrate`.

    Calls with the path prefix /e/RUN/ are told apart by agent run: what the calls of a run share is learned, too.
    Of several upstreams, tools are told apart by host, and by port where hosts are the same.
    Ctrl-C ends it, and says how many calls were recorded.
    """
    before_bytes = output.stat().st_size if output.exists() else 0
    serve(
        upstream=upstream,
        record=output,
        record_bodies=bodies,
        host=host,
        port=port,
        allow_public=allow_public,
    )
    count = _line_count(output, before_bytes) - (before_bytes == 0)  # A new file begins with its header.
    told = f"{count:,} calls recorded in {output}; next: earthwire calibrate {output} -o tools.yaml"
    messages().print(
        told if count else "no call was recorded: did the agent call the address above?",
        markup=False,
        soft_wrap=True,
    )


def _line_count(path: Path, start_bytes: int) -> int:
    """Return how many lines a file has from a place on."""
    count = 0
    with path.open("rb") as file:
        file.seek(start_bytes)
        while chunk := file.read(_CHUNK_BYTES):
            count += chunk.count(b"\n")
    return count
