"""How a proxy is reached, as a URL."""

from urllib.parse import quote

from earthwire.proxy.serve_config import ServeConfig


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
