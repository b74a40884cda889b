"""What makes two recipes the same: a hash over what a run does, not over how or where the file was written."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from earthwire.config.recipe import RecipeFile
from earthwire.config.shipped import is_shipped_name

NOT_HASHED = ("description", "listen", "record")
"""Keys that say where a run happens and what is kept of it, but not what happens."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


def recipe_hash(recipe: RecipeFile, contents: Mapping[str, str] = _NOTHING) -> str:
    """Return 16 hex digits: the same for recipes that do the same, whatever their order of keys and comments.

    A key at its default counts like one that is left out, so that a later version with more keys keeps old hashes.

    Args:
        recipe: as read.
        contents: hash of the content of each file that the recipe names; one that is missing here counts by its name
            without folder.
    """
    values = recipe.model_dump(mode="json", exclude_defaults=True, exclude=set(NOT_HASHED))
    if recipe.profile is not None:
        values["profile"] = _content(recipe.profile, contents)
    if recipe.replay is not None:
        values["replay"]["traces"] = [_content(path, contents) for path in recipe.replay.traces]
    canonical = msgspec.json.encode(values, order="deterministic")
    return hashlib.blake2b(canonical, digest_size=8).hexdigest()


def _content(path: str, contents: Mapping[str, str]) -> str:
    if path in contents:
        return contents[path]
    return path if is_shipped_name(path) else Path(path).name
