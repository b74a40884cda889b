"""How a proxy is reached, as a URL."""

from urllib.parse import quote, urlsplit

from earthwire.proxy.serve_config import ServeConfig

_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def base_url(config: ServeConfig, host: str, port: int) -> str:
    """Return the URL of a proxy, without a final slash.

    Args:
        config: what it serves.
        host, port: where it listens.
    """
    scheme = "http" if config.certificate is None else "https"
    if config.unix_path is not None:
        return f"{scheme}+unix://{quote(str(config.unix_path), safe='')}"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def upstream_at(config: ServeConfig, host: str, port: int) -> str | None:
    """Return the upstream that is a listener of this machine, None if none is.

    Args:
        config: what is served.
        host, port: where something of ours listens.
    """
    here = (host, *_LOCAL_HOSTS)
    urls = {name: upstream for name, upstream in config.upstreams.items() if isinstance(upstream, str)}
    urls |= {name: server.url for name, server in config.mcp.items()}
    parts = {name: urlsplit(url) for name, url in urls.items()}
    return next((name for name, part in parts.items() if part.port == port and part.hostname in here), None)
