"""The admin side of a proxy: episodes, health and metrics, behind a token on a port of its own."""

from earthwire.proxy.admin.listener import AdminListener
from earthwire.proxy.admin.side import AdminSide
from earthwire.proxy.admin.subject import Status, Subject
from earthwire.proxy.admin.token import check_token, new_token, read_token, write_token

__all__ = [
    "AdminListener",
    "AdminSide",
    "Status",
    "Subject",
    "check_token",
    "new_token",
    "read_token",
    "write_token",
]
