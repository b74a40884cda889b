"""Where the admin side of a proxy listens. Apart from it, since it loads libraries that most proxies do not need."""

import msgspec

from earthwire.proxy.admin_token import new_token


class AdminConfig(msgspec.Struct, frozen=True):
    """Where the admin side listens.

    Attributes:
        token: what its clients must send.
        viewer_token: what lets others see the dashboard's figures and do nothing else; all workers know the same one,
            and no other run of the proxy.
        host: address; one of this machine unless somebody decided otherwise.
        port: TCP port; 0 for any free one.
    """

    token: str
    host: str = "127.0.0.1"
    port: int = 0
    viewer_token: str = msgspec.field(default_factory=new_token)
