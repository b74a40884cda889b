"""The planner that changes nothing."""

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.plan import PASS_THROUGH
from earthwire.traces.tool_key import PathTemplater, tool_key


class PassThrough:
    """Plans nothing but forwarding: for recording, and for recordings that bring their own timing.

    Args:
        host: put into the tool key of requests.
    """

    seed = 0
    profile_hash = "none"

    def __init__(self, host: str = "upstream") -> None:
        self._host = host
        self._templater = PathTemplater()

    def draw(self, call: Call) -> Drawn:
        """Return the plan that forwards."""
        return Drawn(0, PASS_THROUGH)

    def tool_of(self, method: str, path: str, at: str | None = None) -> str:
        """Return ``METHOD host/template``; of several upstreams, each has its own name for host."""
        return tool_key(method, at or self._host, self._templater.template(path))
