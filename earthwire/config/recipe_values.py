"""A recipe as a flat list of keys and values: what it sets, and where two of them differ."""

from collections.abc import Iterator

from earthwire.config.recipe import RecipeFile

FlatValue = str | int | float | bool | None


def flat_values(recipe: RecipeFile) -> dict[str, FlatValue]:
    """Return every key that is not at its default, as a dotted path, with its value.

    >>> flat_values(RecipeFile(earthwire_recipe=1, seed=7, replay={"traces": ["a.jsonl"]}))
    {'earthwire_recipe': 1, 'seed': 7, 'replay.traces.0': 'a.jsonl'}
    """
    return dict(_flatten("", recipe.model_dump(mode="json", exclude_defaults=True)))


def differences(before: RecipeFile, after: RecipeFile) -> dict[str, tuple[FlatValue, FlatValue]]:
    """Return the keys in which two recipes differ, each with both values; None stands for the default."""
    old, new = flat_values(before), flat_values(after)
    keys = [*old, *(key for key in new if key not in old)]
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flatten(path: str, value: object) -> Iterator[tuple[str, FlatValue]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _flatten(f"{path}.{position}", inner)
    elif value is None or isinstance(value, str | int | float | bool):
        yield path, value
