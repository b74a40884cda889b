"""One file of certificates that an agent's clients trust: what they trusted before, and the proxy's own authority."""

import importlib
import importlib.util
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

_TRUSTED_SO_FAR = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_USUAL_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def write_bundle(path: Path, authority: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Write the bundle (PEM).

    Args:
        path: of the bundle.
        authority: certificate of the proxy's authority.
        environment: names what was trusted so far.

    Raises:
        OSError: if a file cannot be read or written.
    """
    parts = [authority.read_text(encoding="ascii")]
    before = trusted_before(environment)
    if before is not None:
        parts.append(before.read_text(encoding="utf-8"))
    path.write_text("\n".join(parts), encoding="utf-8")


def trusted_before(environment: Mapping[str, str]) -> Path | None:
    """Return the file of certificates that clients trust without us: named in the environment, or the system's."""
    usual = (ssl.get_default_verify_paths().cafile, *_USUAL_BUNDLES, _certifi_bundle())
    named = (environment.get(name) for name in _TRUSTED_SO_FAR)
    return next((Path(one) for one in (*named, *usual) if one and Path(one).is_file()), None)


def _certifi_bundle() -> str | None:
    if importlib.util.find_spec("certifi") is None:
        return None
    return str(importlib.import_module("certifi").where())
