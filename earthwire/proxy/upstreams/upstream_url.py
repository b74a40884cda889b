"""Where an upstream is: its URL, read."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Upstream(msgspec.Struct, frozen=True):
    """Where a tool lives.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name or address, without brackets.
        port: TCP port.
        base_path: what is put before every path; empty or ``/…`` without a slash at its end.
        unix_path: socket file to connect to instead of host and port, or None.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    base_path: str
    unix_path: str | None = None

    @property
    def authority(self) -> str:
        """Value of the Host header."""
        is_default = self.port == _DEFAULT_PORTS[self.scheme]
        return self.host_and_port.rpartition(":")[0] if is_default else self.host_and_port

    @property
    def host_and_port(self) -> str:
        """``host:port``, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_upstream(url: str) -> Upstream:
    """Read the URL of an upstream.

    Raises:
        ValueError: if it is not a plain http(s) URL; the text names the URL and what is wrong.

    >>> parse_upstream("https://api.example.com/v1/")
    Upstream(scheme='https', host='api.example.com', port=443, base_path='/v1', unix_path=None)
    >>> parse_upstream("http+unix://%2Frun%2Ftool.sock/v1").unix_path
    '/run/tool.sock'
    """
    parts = urlsplit(url)
    if parts.scheme == "http+unix" and parts.netloc:
        path = unquote(parts.netloc)
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f"upstream {url!r} must name an absolute path, with %2F for each slash in it")
        return Upstream("http", "localhost", 80, parts.path.rstrip("/"), path)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"upstream {url!r} is not an http(s) URL, such as http://127.0.0.1:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"upstream {url!r} must not have a user, a query or a fragment")
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    try:
        port = parts.port or _DEFAULT_PORTS[scheme]
    except ValueError as error:
        raise ValueError(f"upstream {url!r}: {error}") from error
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    return Upstream(scheme, host, port, parts.path.rstrip("/"))


def distinct_servers(urls: Mapping[str, str]) -> dict[str, str | None]:
    """Return what tells upstreams apart, by name: their hosts, with ports where hosts are equal; None for one alone.

    Upstreams that share host and port, such as two paths of one server, stay one server.

    Raises:
        ValueError: as `parse_upstream` does.

    >>> distinct_servers({"a": "http://127.0.0.1:8000", "b": "http://127.0.0.1:8100", "c": "https://api.example.com"})
    {'a': '127.0.0.1:8000', 'b': '127.0.0.1:8100', 'c': 'api.example.com'}
    >>> distinct_servers({"a": "http://127.0.0.1:8000/one", "b": "http://127.0.0.1:8000/two"})
    {'a': None, 'b': None}
    """
    upstreams = {name: parse_upstream(url) for name, url in urls.items()}
    places = {(upstream.host, upstream.port) for upstream in upstreams.values()}
    if len(places) < 2:
        return dict.fromkeys(urls)
    ports = Counter(host for host, _ in places)
    return {
        name: upstream.host if ports[upstream.host] == 1 else upstream.host_and_port
        for name, upstream in upstreams.items()
    }
