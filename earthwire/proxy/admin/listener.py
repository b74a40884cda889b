"""Starts and stops the admin side of one proxy."""

from aiohttp import web

from earthwire.proxy.admin.app import make_app
from earthwire.proxy.admin.guard import Guard
from earthwire.proxy.admin.peers import Peers
from earthwire.proxy.admin.subject import Subject
from earthwire.proxy.admin_config import AdminConfig

_SHUTDOWN_S = 1.0
_HEAD_BYTES_MAX = 8192


class AdminListener:
    """The admin side while it runs; to be made in the loop that it runs in.

    Attributes:
        host, port: where it listens, once started.

    Args:
        config: where it is to listen.
        subject: the proxy that it belongs to.
    """

    def __init__(self, config: AdminConfig, subject: Subject) -> None:
        self.host = config.host
        self.port = config.port
        self._guard = Guard(config.host, config.token, config.viewer_token)
        placement = subject.placement
        self._peers = None if placement is None else Peers(placement, config.host, config.viewer_token)
        self._runner = web.AppRunner(
            make_app(subject, self._guard, self._peers),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_S,
            max_line_size=_HEAD_BYTES_MAX,
            max_field_size=_HEAD_BYTES_MAX,
        )

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: if the address cannot be listened on.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._guard.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the listener and all of its connections."""
        await self._runner.cleanup()
        if self._peers is not None:
            await self._peers.close()
