"""TLS on both sides: certificates, and contexts that verify."""

import ssl
from pathlib import Path

import msgspec

_PROTOCOLS = ["http/1.1"]


class Certificate(msgspec.Struct, frozen=True):
    """A certificate and its private key.

    Attributes:
        path: PEM file with the certificate and its chain.
        key_path: PEM file with the key; None where the former holds it as well.
    """

    path: Path
    key_path: Path | None = None


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """Return what https is listened with.

    Raises:
        ValueError: if the files are not a certificate and its key; the text names them.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(context, certificate)
    context.set_alpn_protocols(_PROTOCOLS)
    return context


def client_context(ca_path: Path | None, certificate: Certificate | None) -> ssl.SSLContext:
    """Return what https upstreams are connected to with; they are always verified, by name and by chain.

    Args:
        ca_path: PEM file of authorities; None for those of the system.
        certificate: shown to upstreams that ask for one, or None.

    Raises:
        ValueError: if a file is not what it should be; the text names it.
    """
    try:
        context = ssl.create_default_context(cafile=ca_path)
    except OSError as error:  # An SSLError is one of them.
        raise ValueError(f"{ca_path}: not a PEM file of certificate authorities ({error})") from error
    if certificate is not None:
        _load(context, certificate)
    context.set_alpn_protocols(_PROTOCOLS)
    return context


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    try:
        context.load_cert_chain(certificate.path, certificate.key_path)
    except OSError as error:
        files = " and ".join(str(path) for path in (certificate.path, certificate.key_path) if path)
        raise ValueError(f"{files}: not PEM files of a certificate and its key ({error})") from error
