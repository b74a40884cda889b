"""Which addresses are never connected to: link-local ones, and those where the proxy itself listens."""

import ipaddress
from collections.abc import Collection

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_link_local(address: str) -> bool:
    """Tell whether an address is link-local, such as those where clouds keep their machines' secrets.

    >>> is_link_local("169.254.169.254"), is_link_local("::ffff:169.254.169.254"), is_link_local("127.0.0.1")
    (True, True, False)
    """
    return _plain(address).is_link_local


def is_among(address: str, port: int, endpoints: Collection[tuple[str, int]]) -> bool:
    """Tell whether an address and port lead to one of some endpoints of this machine.

    >>> is_among("0.0.0.0", 8900, [("127.0.0.1", 8900)]), is_among("127.0.0.1", 8901, [("127.0.0.1", 8900)])
    (True, False)
    """
    wanted = _plain(address)
    return any(port == own_port and _meet(wanted, _plain(own)) for own, own_port in endpoints)


def _meet(wanted: _Address, own: _Address) -> bool:
    # The unspecified address stands for this machine; so does every address of the loopback network.
    is_here = wanted.is_loopback or wanted.is_unspecified
    return wanted == own or (is_here and (own.is_loopback or own.is_unspecified))


def _plain(address: str) -> _Address:
    """Return an address; the IPv4 one where IPv6 wraps it."""
    read = ipaddress.ip_address(address)
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return read if mapped is None else mapped
