"""What makes two recipes the same: a hash over what a run does, not over how or where the file was written."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from earthwire.config.located_yaml import read_yaml
from earthwire.config.profile_file import ProfileFile
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
    return _hash(values)


def profile_content_hash(path: Path) -> str:
    """Return 16 hex digits for the laws in a profile file: not for where they come from, nor for how it is written.

    Laws that a file does not have count for nothing, so that a later version with more laws keeps old hashes.

    Raises:
        FileError: if the file is not a profile.
    """
    values = read_yaml(path, ProfileFile).model_dump(
        mode="json", exclude_defaults=True, exclude={"provenance"}
    )
    return _hash(values)


def _hash(values: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(values, order="deterministic"), digest_size=8).hexdigest()


def _content(path: str, contents: Mapping[str, str]) -> str:
    if path in contents:
        return contents[path]
    return path if is_shipped_name(path) else Path(path).name
