"""Says which tools are called that the profile does not have: a misspelt path or name would go unnoticed otherwise."""

from collections.abc import Callable, Collection

NAMED_MAX = 10
"""Tools that are said by name; a client that calls whatever it likes fills no log."""
COUNTED_MAX = 1_000
_NAME_CHARACTERS_MAX = 200


class UnknownTools:
    """Remembers the tools that were called and are drawn as any other tool.

    Args:
        known: keys of the tools that the profile has; with none of them all tools are alike, and nothing is said.
        warn: takes warnings.
    """

    def __init__(self, known: Collection[str], warn: Callable[[str], None]) -> None:
        self._known = frozenset(known)
        self._warn = warn
        self._met: set[str] = set()

    @property
    def count(self) -> int:
        """How many were called, up to `COUNTED_MAX`."""
        return len(self._met)

    def meet(self, tool: str) -> None:
        """Take note of the tool of a call; the first call of an unknown one is said."""
        if tool in self._known or not self._known or tool in self._met or self.count >= COUNTED_MAX:
            return
        self._met.add(tool)
        if self.count <= NAMED_MAX:
            name = tool[:_NAME_CHARACTERS_MAX]
            self._warn(
                f"{name}: the profile has no such tool, so its calls are drawn as those of any other tool"
            )
        elif self.count == NAMED_MAX + 1:
            self._warn("more tools are called that the profile does not have; they are not named any more")
