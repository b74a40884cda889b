"""``earthwire record``: pass calls through and record how the real tools behave."""

from pathlib import Path
from typing import Annotated

import typer

from earthwire.cli.serve import serve


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
    """Record real tools: forward every call unchanged and write what happened, ready for `earthwire calibrate`."""
    serve(
        upstream=upstream,
        record=output,
        record_bodies=bodies,
        host=host,
        port=port,
        allow_public=allow_public,
    )
