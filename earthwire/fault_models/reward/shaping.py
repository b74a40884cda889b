"""Potential-based shaping (Ng, Harada and Russell, "Policy invariance under reward transformations", ICML 1999).

``F(s, s') = γ Φ(s') - Φ(s)`` (their equation 2) leaves the best policies as they are, whatever Φ. Here the state is
the set of tools that succeeded so far, and Φ adds up what the user gave for each of them.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

TOOLS_MAX = 10_000
"""Bound on the tools that a state holds; further ones add nothing."""


class Potential(msgspec.Struct, frozen=True):
    """What progress is worth.

    Attributes:
        discount: γ of the task, in (0, 1].
        tools: potential gained by the first success of a tool, by name pattern; the longest that fits counts.
    """

    discount: float
    tools: Mapping[str, float]

    def of_tool(self, tool: str) -> float:
        """Return what the first success of a tool adds to Φ."""
        fitting = [pattern for pattern in self.tools if fnmatchcase(tool, pattern)]
        return self.tools[min(fitting, key=lambda pattern: (-len(pattern), pattern))] if fitting else 0.0


class ShapedSteps:
    """Adds up F over the steps of one episode. Φ is 0 before the first step.

    Attributes:
        total: Σ F so far.

    Args:
        potential: Φ and γ.
    """

    def __init__(self, potential: Potential) -> None:
        self.total = 0.0
        self._potential = potential
        self._phi = 0.0
        self._reached: set[str] = set()

    def step(self, tool: str, succeeded: bool) -> float:
        """Take one call; return its F."""
        before = self._phi
        if succeeded and tool not in self._reached and len(self._reached) < TOOLS_MAX:
            self._reached.add(tool)
            self._phi += self._potential.of_tool(tool)
        shaped = self._potential.discount * self._phi - before
        self.total += shaped
        return shaped
