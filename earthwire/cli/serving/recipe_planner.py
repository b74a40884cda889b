"""From a recipe to what draws its plans, and to what is simulated of its MCP servers."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from earthwire.cli.console import visible
from earthwire.config.recipe import RecipeFile

_HOSTS_NAMED_MAX = 5
_OF_LAWS = ("severity", "randomize", "ground", "regime_clock")
"""Keys of a recipe that change what a profile says, and nothing without one."""

if TYPE_CHECKING:
    from earthwire.proxy.calls.planner import Planner
    from earthwire.proxy.mcp.server import McpConfig


def planner_of(recipe: RecipeFile) -> "Planner":
    """Return what draws the plans of a recipe; without a profile, what passes calls through."""
    from earthwire.config.recipe_simulation import recipe_simulation
    from earthwire.fault_models.grounded import GroundedSimulation
    from earthwire.proxy.calls.pass_through import PassThrough

    simulation = recipe_simulation(recipe)
    if simulation is None:
        _warn_of_idle_options(recipe)
        first = next(iter(recipe.routes.values()), None)
        host = None if first is None else urlsplit(first.upstream).hostname
        return PassThrough(host or "replay")
    _warn_of_unknown_server(recipe.server, simulation.profile.tools)
    return GroundedSimulation(simulation, warn) if recipe.ground else simulation


def _warn_of_idle_options(recipe: RecipeFile) -> None:
    """Say what is asked of laws that are not there."""
    idle = [name for name in _OF_LAWS if getattr(recipe, name) != RecipeFile.model_fields[name].default]
    idle += ["pass_client_errors"] if recipe.faults.pass_client_errors else []
    if idle:
        warn(f"{', '.join(idle)}: without a profile calls pass through as they are; name one (--profile)")


def _warn_of_unknown_server(server: str | None, tools: Iterable[str]) -> None:
    """Say where a host is named that no tool of the profile has: all calls are then those of unknown tools."""
    parts = (tool.partition(" ") for tool in tools)
    hosts = {rest.partition("/")[0] for method, _, rest in parts if method.isupper() and "/" in rest}
    if server is not None and hosts and server not in hosts:
        known = ", ".join(sorted(hosts)[:_HOSTS_NAMED_MAX])
        warn(
            f"no tool of the profile has the host {server!r}, so that all calls are those of unknown tools; "
            f"it has {known}"
        )


def tool_keys(planner: "Planner") -> tuple[str, ...]:
    """Return the tool keys of the profile behind a planner, those with most calls first."""
    from earthwire.fault_models.grounded import GroundedSimulation
    from earthwire.fault_models.simulation import Simulation

    simulation = planner.simulation if isinstance(planner, GroundedSimulation) else planner
    if not isinstance(simulation, Simulation):
        return ()
    tools = simulation.profile.tools
    return tuple(sorted(tools, key=lambda key: -tools[key].calls))


def mcp_configs(recipe: RecipeFile, planner: "Planner") -> dict[str, "McpConfig"]:
    """Return what is simulated of the recipe's MCP servers that are reached over HTTP."""
    from earthwire.proxy.mcp.server import McpConfig

    return {
        name: McpConfig(
            url=section.url,
            layers=tuple(section.layers),
            methods=tuple(section.methods),
            tool_keys=tool_keys(planner),
            recorded_server=section.server,
            is_public=recipe.listen.allow_public,
        )
        for name, section in recipe.mcp.items()
        if section.url is not None
    }


def warn(text: str) -> None:
    """Print a warning where it does not mix with results."""
    print(f"earthwire: warning: {visible(text)}", file=sys.stderr, flush=True)
