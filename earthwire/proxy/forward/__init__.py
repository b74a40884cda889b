"""The forward proxy: the same draw inside mitmproxy, for agents that only know ``HTTPS_PROXY``.

Nothing here is imported by the rest of the package, and mitmproxy by nothing but `addon` and `wire`: its pins clash
with much else, so that it lives in an environment of its own.
"""

from earthwire.proxy.forward.authority import AUTHORITY_FOLDER, authority_certificate, prepare_authority
from earthwire.proxy.forward.settings import ForwardSettings, mitmproxy_arguments

__all__ = [
    "AUTHORITY_FOLDER",
    "ForwardSettings",
    "authority_certificate",
    "mitmproxy_arguments",
    "prepare_authority",
]
