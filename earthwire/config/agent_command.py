"""The command of an agent, with places in braces that are filled: where it is to call, and the seed of its run."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence

from earthwire.config.agent_environment import UnknownPlaceError

_PLACE = re.compile(r"(?<!\$)\{([A-Za-z_]+)\}")
"""A name in braces; ``${NAME}`` is a shell's."""


def filled_command(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return program and arguments with some places filled; all others stay as they are.

    >>> filled_command(["agent", "--at={url}", '{"a": 1}'], {"url": "http://127.0.0.1:8900"})
    ['agent', '--at=http://127.0.0.1:8900', '{"a": 1}']
    """
    return [_PLACE.sub(lambda match: values.get(match[1], match[0]), part) for part in command]


def check_places(command: Sequence[str], known: Collection[str]) -> None:
    """Refuse places that nothing would be put into: the agent would be given its braces.

    Args:
        command: program and arguments.
        known: names of the places that are filled.

    Raises:
        UnknownPlaceError: if there is another one.
    """
    for part in command:
        for name in _PLACE.findall(part):
            if name not in known:
                near = difflib.get_close_matches(name.lower(), known, n=1)
                meant = f"; did you mean {{{near[0]}}}?" if near else ""
                filled = " and ".join(f"{{{one}}}" for one in known)
                raise UnknownPlaceError(
                    f"nothing is put into {{{name}}}{meant}; {filled} can be filled (code with other names in braces "
                    "goes into a script)"
                )
