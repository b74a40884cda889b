"""Where the admin side of a proxy listens. Apart from it, since it loads libraries that most proxies do not need."""

import msgspec


class AdminConfig(msgspec.Struct, frozen=True):
    """Where the admin side listens.

    Attributes:
        token: what its clients must send.
        host: address; one of this machine unless somebody decided otherwise.
        port: TCP port; 0 for any free one.
    """

    token: str
    host: str = "127.0.0.1"
    port: int = 0
