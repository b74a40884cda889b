"""A small tool server of our own, on a free port of the loopback."""

from types import TracebackType
from typing import Self

from aiohttp import web


class LocalServer:
    """Runs for the length of a block; subclasses say what it answers.

    Attributes:
        url: where it listens, once entered.

    Args:
        application: what it serves.
    """

    def __init__(self, application: web.Application) -> None:
        self._runner = web.AppRunner(application, access_log=None)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
