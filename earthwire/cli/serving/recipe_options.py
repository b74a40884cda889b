"""From the options of ``serve`` to the recipe that they stand for, and what is wrong with them."""

from pathlib import Path

from earthwire.cli.console import fail
from earthwire.config.recipe import SEED_MAX, SEED_MIN, WORKERS_MAX, RecipeFile


def written_recipe(recipe: Path | None) -> dict[str, object]:
    """Return what a recipe file says, or an empty recipe where there is none."""
    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import recipe_path

    if recipe is None:
        return {"earthwire_recipe": 1}
    return read_recipe(recipe_path(str(recipe))).model_dump(exclude_unset=True)


def routes_of(upstreams: list[str]) -> dict[str, dict[str, str]]:
    """Return the routes that ``--upstream`` names."""
    routes: dict[str, dict[str, str]] = {}
    for text in upstreams:
        name, equals, url = text.partition("=")
        if not equals or "://" in name:
            name, url = "upstream", text
        if name in routes:
            fail(
                f"--upstream: {routes[name]['upstream']} and {url} have the same name; "
                "give each its own, such as search=URL, and find it at /t/search/"
            )
        routes[name] = {"upstream": url}
    return routes


def mcp_servers_of(servers: list[str]) -> dict[str, dict[str, str]]:
    """Return the servers that ``--mcp`` names."""
    wrong = [text for text in servers if "=" not in text or "://" in text.partition("=")[0]]
    if wrong:
        fail(f"--mcp: {wrong[0]!r} is not NAME=URL, such as files=http://127.0.0.1:8000/mcp")
    sections: dict[str, dict[str, str]] = {}
    for name, _, url in (text.partition("=") for text in servers):
        if name in sections:
            fail(f"--mcp: {sections[name]['url']} and {url} have the same name; give each its own")
        sections[name] = {"url": url}
    return sections


def set_given(options: dict[str, object], key: str, value: object) -> None:
    """Set an option that was given."""
    if value is not None:
        options[key] = value


def update_section(recipe: dict[str, object], section: str, values: dict[str, object]) -> None:
    """Put the options that were given into a section of the recipe."""
    given = {key: value for key, value in values.items() if value is not None}
    before = recipe.get(section)
    if given and (before is not None or section in ("listen", "upstream_tls")):
        recipe[section] = {**(before if isinstance(before, dict) else {}), **given}


def paths_as_text(**paths: Path | None) -> dict[str, object]:
    """Return paths as a recipe holds them."""
    return {name: None if path is None else str(path) for name, path in paths.items()}


def validated_recipe(values: dict[str, object]) -> RecipeFile:
    """Return the recipe that file and options make; end with a message where options are wrong."""
    from pydantic import ValidationError

    try:
        return RecipeFile.model_validate(values)
    except ValidationError as error:
        fail(
            "\n".join(
                dict.fromkeys(
                    _option_problem(detail["loc"], detail["input"], detail["msg"])
                    for detail in error.errors()
                )
            )
        )


def _option_problem(location: tuple[int | str, ...], value: object, message: str) -> str:
    """Return what is wrong with an option; what a recipe file holds was checked when it was read."""
    match location:
        case ():
            return "nothing to answer with: give --upstream URL, --mcp NAME=URL or --replay TRACES"
        case ("routes", _, "upstream"):
            return f"--upstream: {value!r} is not an http:// or https:// URL"
        case ("routes", name, "[key]"):
            return f"--upstream: {name!r} is no name: 1 to 64 of A-Z a-z 0-9 . _ - are allowed"
        case ("mcp", name, *_):
            return f"--mcp: {name!r}, {value!r}: {message}; give NAME=URL, such as files=http://127.0.0.1:8000/mcp"
        case ("profile",):
            return f"--profile: {message.removeprefix('Value error, ')}"
        case ("seed",):
            return f"--seed: {value!r} is not in [{SEED_MIN}, {SEED_MAX}]"
        case ("severity",):
            return f"--severity: {value!r} is not in [0, 8]"
        case ("listen", "workers"):
            return f"--workers: {value!r} is not in [1, {WORKERS_MAX}]"
        case ("listen",) if "unix" in message:
            return "--unix goes with one worker: several share a port, not a socket file"
        case ("listen",):
            return "--tls-key: is that of a --tls-cert; give both"
        case ("upstream_tls",):
            return "--upstream-key: is that of an --upstream-cert; give both"
        case _:
            return f"--{location[0]}: {value!r} is not allowed; see --help"
