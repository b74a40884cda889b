"""Profiles and recipes that come with the package, by name."""

import difflib
import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class UnknownNameError(ValueError):
    """A name that nothing is shipped under; the text names the nearest one."""


def is_shipped_name(text: str) -> bool:
    """Tell whether a text is a name rather than a path: paths have a slash, or a dot before their suffix.

    >>> is_shipped_name("cloud-api"), is_shipped_name("tools.yaml"), is_shipped_name("./tools")
    (True, False, False)
    """
    return _NAME.fullmatch(text) is not None


def shipped_profiles() -> dict[str, Path]:
    """Return the file of each shipped profile by name, in order."""
    return _files("profiles")


def shipped_recipes() -> dict[str, Path]:
    """Return the file of each shipped recipe by name, in order."""
    return _files("recipes")


def shipped_profile_path(name: str) -> Path:
    """Return the file of a shipped profile.

    Raises:
        UnknownNameError: if there is none of that name.
    """
    return _path(name, "profile", shipped_profiles())


def shipped_recipe_path(name: str) -> Path:
    """Return the file of a shipped recipe.

    Raises:
        UnknownNameError: if there is none of that name.
    """
    return _path(name, "recipe", shipped_recipes())


def profile_path(text: str) -> Path:
    """Return the file that a recipe or an option means: a shipped profile by its name, or a path.

    Raises:
        UnknownNameError: if it is a name that nothing is shipped under.
    """
    return shipped_profile_path(text) if is_shipped_name(text) else Path(text)


def recipe_path(text: str) -> Path:
    """Return the file of a recipe: a shipped one by its name, or a path.

    Raises:
        UnknownNameError: if it is a name that nothing is shipped under.
    """
    return shipped_recipe_path(text) if is_shipped_name(text) else Path(text)


def _files(folder: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((_FOLDER / folder).glob("*.yaml"))}


def _path(name: str, kind: str, files: dict[str, Path]) -> Path:
    if name in files:
        return files[name]
    near = difflib.get_close_matches(name, files, n=1)
    way_out = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(files)}"
    raise UnknownNameError(
        f"no {kind} of the name {name!r} is shipped; {way_out} (a path has a / or ends in .yaml)"
    )
