"""Where the certificate authority of the forward proxy lives: one of its own, whose key only its owner can read."""

import os
from pathlib import Path

AUTHORITY_FOLDER = (
    Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "earthwire" / "authority"
)
"""The usual place; mitmproxy makes the authority there at its first start."""

_OWNER_ONLY_FOLDER, _OWNER_ONLY_FILE = 0o700, 0o600


def authority_certificate(folder: Path) -> Path:
    """Return the file with the certificate that clients have to trust (PEM, without the key)."""
    return folder / "mitmproxy-ca-cert.pem"


def prepare_authority(folder: Path) -> None:
    """Make the folder and close it, and every key in it, to everybody but its owner."""
    folder.mkdir(parents=True, exist_ok=True, mode=_OWNER_ONLY_FOLDER)
    folder.chmod(_OWNER_ONLY_FOLDER)
    # What mitmproxy writes from now on belongs to the owner alone, too.
    os.umask(0o777 - _OWNER_ONLY_FOLDER)
    for path in folder.glob("*.p*"):
        path.chmod(_OWNER_ONLY_FILE)
