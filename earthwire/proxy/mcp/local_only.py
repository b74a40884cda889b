"""Which pages may reach an MCP server through the proxy: those of this machine.

The proxy tells the server that requests come from where the server itself lives, so the server cannot find out any
more that a foreign web page talks to it under a name that leads here (DNS rebinding). The proxy has to.
"""

import ipaddress
from urllib.parse import urlsplit

from earthwire.proxy.wire.refusal import RequestRefusedError


def check_local(host: bytes | None, origin: str | None, *, is_public: bool) -> None:
    """Refuse a request that a foreign web page may have sent.

    Args:
        host: value of Host, or None.
        origin: value of Origin, or None; only browsers send it.
        is_public: the proxy is meant to be reached under other names than those of this machine.

    Raises:
        RequestRefusedError: 403.
    """
    authority = "" if host is None else host.decode("latin-1")
    if authority and not is_public and not is_loopback(_hostname(f"//{authority}")):
        raise RequestRefusedError(
            403, "foreign_host", f"Host {authority!r} is not this machine; call it 127.0.0.1 or localhost"
        )
    if origin is None or is_loopback(_hostname(origin)):
        return
    if not is_public or urlsplit(origin).netloc != authority:
        raise RequestRefusedError(403, "foreign_origin", f"requests from pages of {origin!r} are not served")


def is_loopback(hostname: str) -> bool:
    """Tell whether a name or address is always this machine.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1"), is_loopback("localhost.evil.com")
    (True, True, True, False)
    """
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
