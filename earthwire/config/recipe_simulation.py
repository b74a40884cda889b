"""From a recipe to the laws that its plans are drawn from."""

from earthwire.config.profile_file import read_profile
from earthwire.config.recipe import RecipeFile
from earthwire.config.shipped import profile_path
from earthwire.fault_models.laws.outcome_path import FaultRules
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.simulation import Simulation


def recipe_simulation(recipe: RecipeFile) -> Simulation | None:
    """Return what draws the plans of a recipe; None if it names no profile.

    Raises:
        FileError: if the profile cannot be read, naming every problem in its place.
        UnknownNameError: if no profile of that name is shipped.
    """
    if recipe.profile is None:
        return None
    return simulation_under(recipe, read_profile(profile_path(recipe.profile)))


def simulation_under(recipe: RecipeFile, profile: Profile) -> Simulation:
    """Return what draws plans from a profile as a recipe says: its seed, severity, randomisation, clock and rules."""
    return Simulation(
        profile,
        recipe.seed,
        recipe.server,
        regime_clock=recipe.regime_clock,
        severity=recipe.severity,
        randomize=recipe.randomize,
        rules=FaultRules(recipe.faults.pass_client_errors, recipe.faults.episode_drift),
    )
