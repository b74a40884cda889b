"""The environment variables by which an agent's clients find the proxy, and trust it."""

from collections.abc import Mapping

import msgspec

_PROXY_NAMES = ("HTTPS_PROXY", "HTTP_PROXY")
"""Set in both cases: some clients read the one, some the other."""

_TRUST_NAMES = (
    "SSL_CERT_FILE",  # OpenSSL, Python's ssl, httpx, Go, Ruby
    "REQUESTS_CA_BUNDLE",  # requests
    "CURL_CA_BUNDLE",  # curl
    "AWS_CA_BUNDLE",  # boto3, AWS CLI
    "GIT_SSL_CAINFO",  # git
    "PIP_CERT",  # pip
    "NODE_EXTRA_CA_CERTS",  # Node
    "DENO_CERT",  # Deno
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",  # gRPC
)
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")

PLACEHOLDER_KEYS = {"OPENAI_API_KEY": "not-a-key", "ANTHROPIC_API_KEY": "not-a-key"}
"""Clients of model providers do not start without one."""


class ForwardAddress(msgspec.Struct, frozen=True):
    """A forward proxy and what its clients must trust.

    Attributes:
        url: of the proxy.
        bundle: PEM file with its authority and all that were trusted before.
    """

    url: str
    bundle: str


class UnknownPlaceError(ValueError):
    """A value has a place in braces that nothing is known to put into."""


def agent_environment(
    before: Mapping[str, str],
    base_url: str | None,
    values: Mapping[str, str],
    forward: ForwardAddress | None = None,
) -> dict[str, str]:
    """Return the environment that an agent is started with.

    Args:
        before: environment to start from.
        base_url: of the reverse proxy, without a slash at its end; None if there is none.
        values: further variables; ``{base}`` in them stands for `base_url`.
        forward: the forward proxy, or None if there is none.

    Raises:
        UnknownPlaceError: if a value has another place in braces.

    >>> agent_environment({}, "http://127.0.0.1:8900", {"OPENAI_BASE_URL": "{base}/t/openai/v1"})["OPENAI_BASE_URL"]
    'http://127.0.0.1:8900/t/openai/v1'
    """
    environment = dict(before)
    if base_url is not None:
        environment["EARTHWIRE_URL"] = base_url
    for name, value in values.items():
        environment[name] = _filled(name, value, base_url)
    if forward is not None:
        for name in _PROXY_NAMES:
            environment[name] = environment[name.lower()] = forward.url
        for name in _TRUST_NAMES:
            environment[name] = forward.bundle
    # Whatever proxy is set, that of another included, is not for the way to this one.
    reached = base_url.rpartition(":")[2] if base_url is not None else None
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = _no_proxy(environment.get(name, ""), reached)
    return environment


def _filled(name: str, value: str, base_url: str | None) -> str:
    try:
        return value.format_map({} if base_url is None else {"base": base_url})
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        known = "{base} is the proxy's own URL" if base_url is not None else "there is no reverse proxy here"
        problem = f"{{{error.args[0]}}} has no value here" if isinstance(error, KeyError) else str(error)
        raise UnknownPlaceError(f"{name}={value}: {problem}; {known}, and {{{{ stands for a brace") from error


def _no_proxy(before: str, port: str | None) -> str:
    own = [] if port is None else [f"{name}:{port}" for name in _LOCAL_NAMES]
    kept = [part.strip() for part in before.split(",") if part.strip() and part.strip() not in own]
    return ",".join((*kept, *own))
