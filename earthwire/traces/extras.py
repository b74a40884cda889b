"""How an optional part of earthwire is installed: from where the rest of it came."""

from pathlib import Path

_SOURCE = Path(__file__).parents[2]


def install_command(extra: str) -> str:
    """Return the command that adds an extra; a checkout is named by its folder, as no registry need have it.

    Args:
        extra: its name in pyproject.toml.
    """
    what = _SOURCE if (_SOURCE / "pyproject.toml").exists() else "earthwire"
    return f"pip install '{what}[{extra}]'"
