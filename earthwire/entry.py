"""The one function that most users of the package need; what it stands on is loaded when it is called."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from earthwire.fault_models.conditions.virtual_time import EpisodeClock
    from earthwire.in_process import Laws, SimulatedEpisode

Tool = TypeVar("Tool", bound=Callable[..., Any])


def simulate(
    tool: Tool,
    profile: "Laws",
    seed: int | None = 0,
    episode: "str | SimulatedEpisode" = "default",
    *,
    name: str | None = None,
    clock: "EpisodeClock" = "virtual",
    client_timeout_s: float | None = None,
) -> Tool:
    """Wrap a callable, sync or async, so that it is as slow and as faulty as a recorded tool.

    The plans are those that the proxy draws for the same profile, seed, episode, tool and call index. Faults are raised
    (`earthwire.tool_errors`), damaged results are returned, and nothing waits unless `clock` says so. Several tools of
    one agent run share an `earthwire.in_process.SimulatedEpisode`, which also tells what they cost; it is then given as
    `episode`, and profile, seed, clock and patience are its own.

    Args:
        tool: stands for the tool itself.
        profile: the laws: the name of a shipped profile, the path of a file, a `Profile` or a `Simulation`.
        seed: of the draws.
        episode: name that plans are drawn under, or an episode that exists.
        name: key of the tool in the profile; without one the callable's own name.
        clock: how time passes.
        client_timeout_s: patience of the agent, in seconds.

    Raises:
        FileError: if the profile is a file that cannot be read.
        UnknownNameError: if no profile of that name is shipped.
    """
    from earthwire.in_process import SimulatedEpisode

    if isinstance(episode, str):
        episode = SimulatedEpisode(profile, seed, episode, clock=clock, client_timeout_s=client_timeout_s)
    return episode.tool(tool, name)
