"""Runs a client once, with one fault between it and its tool, and sees what becomes of both."""

from collections.abc import Mapping, Sequence

from earthwire.config.agent_command import filled_command
from earthwire.config.agent_environment import PLACEHOLDER_KEYS
from earthwire.proxy.client_process import ClientRun, run_process


async def run_client(
    command: Sequence[str], url: str, environment: Mapping[str, str], limit_s: float
) -> ClientRun:
    """Run a client until it ends or its time is up.

    Args:
        command: program and arguments; ``{url}`` in them is filled.
        url: base URL that it is to call.
        environment: it starts with; the variables by which common clients are told base URLs are set in it.
        limit_s: time that it has.

    Raises:
        OSError: if it cannot be started.
    """
    filled = filled_command(command, {"url": url})
    return await run_process(filled, {**PLACEHOLDER_KEYS, **environment, **base_urls(url)}, limit_s)


def base_urls(url: str) -> dict[str, str]:
    """Return the variables by which clients are told where to call."""
    return {"EARTHWIRE_URL": url, "OPENAI_BASE_URL": f"{url}/v1", "ANTHROPIC_BASE_URL": url}
