"""The seam between the proxy, which acts, and the pure code that decides."""

from typing import Protocol

from earthwire.fault_models.call import Call, Drawn


class Planner(Protocol):
    """Decides what happens to each call. It neither waits nor touches a socket."""

    @property
    def seed(self) -> int:
        """Seed of all draws."""

    @property
    def profile_hash(self) -> str:
        """Hash of the profile that the draws come from."""

    def draw(self, call: Call) -> Drawn:
        """Return the plan of the next call of this tool in this episode."""

    def tool_of(self, method: str, path: str, at: str | None = None, /) -> str:
        """Return the key that a request belongs to.

        Args:
            method: of HTTP.
            path: without query.
            at: which of several servers it goes to, as ``host`` or ``host:port``; None where there is one.
        """
