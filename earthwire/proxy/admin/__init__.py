"""The admin side of a proxy: episodes, health and metrics, behind a token on a port of its own."""

from earthwire.proxy.admin.listener import AdminListener
from earthwire.proxy.admin.side import AdminSide
from earthwire.proxy.admin.subject import Status, Subject

__all__ = [
    "AdminListener",
    "AdminSide",
    "Status",
    "Subject",
]
