"""Asks the admin sides of the other workers how they do, so that any of them can tell of all."""

import asyncio

import aiohttp
from pydantic import ValidationError

from earthwire.proxy.admin.live_models import LiveState
from earthwire.proxy.admin.paths import LIVE_PATH
from earthwire.proxy.workers import Placement

_TIMEOUT_S = 1.0
_ANSWER_BYTES_MAX = 4 * 2**20


class Peers:
    """The other workers, as one of them asks them.

    Args:
        placement: of this worker.
        host: address that all admin sides listen on.
        viewer_token: lets it see how they do. The admin token is not sent: while a worker is down, its port is
            anybody's.
    """

    def __init__(self, placement: Placement, host: str, viewer_token: str) -> None:
        self._ports = {
            index: port for index, port in enumerate(placement.admin_ports) if index != placement.index
        }
        self._host = f"[{host}]" if ":" in host else host
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {viewer_token}"},
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
        )

    async def states(self) -> tuple[list[LiveState], list[int]]:
        """Return how the others do, and the numbers of those that did not answer in time."""
        answers = await asyncio.gather(*map(self._state, self._ports.values()))
        told = [state for state in answers if state is not None]
        silent = [index for index, state in zip(self._ports, answers, strict=True) if state is None]
        return told, silent

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _state(self, port: int) -> LiveState | None:
        url = f"http://{self._host}:{port}{LIVE_PATH}?scope=own"
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != 200 or (response.content_length or 0) > _ANSWER_BYTES_MAX:
                    return None
                return LiveState.model_validate_json(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValidationError):
            # It crashed, starts, or is too busy: the next answer tells.
            return None
