"""The token that the admin side asks for."""

import os
import secrets
from pathlib import Path

TOKEN_BYTES = 32
TOKEN_CHARACTERS_MIN = 16
"""A shorter token of the user's own could be guessed."""


def new_token() -> str:
    """Return a token that nobody can guess, of letters, digits, ``-`` and ``_``."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def check_token(token: str) -> str:
    """Return a token of the user's own.

    Raises:
        ValueError: if it is too short, or holds what an HTTP header cannot.
    """
    if len(token) < TOKEN_CHARACTERS_MIN:
        raise ValueError(
            f"the admin token has {len(token)} characters; at least {TOKEN_CHARACTERS_MIN} are needed"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("the admin token may hold printable ASCII characters only, and no space")
    return token


def write_token(path: Path, token: str) -> None:
    """Write a token to a file that only its owner can read; an existing file is replaced.

    Raises:
        OSError: if the file cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    # The mode is set as the file is made: it is never readable for others, not even for a moment.
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    partial.replace(path)


def read_token(path: Path) -> str:
    """Read a token from a file.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it holds no token.
    """
    return check_token(path.read_text("utf-8").strip())
