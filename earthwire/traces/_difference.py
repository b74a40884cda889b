"""What differs between a request and a recorded one, in words, and how much."""

import json
from collections import Counter
from collections.abc import Iterator

from earthwire.traces._secrets import REDACTED, is_secret_name, redact_text

DIFFERENCES_MAX = 5
SHOWN_CHARACTERS_MAX = 40


def path_differences(path: str, recorded: str) -> list[str]:
    """Compare two paths segment by segment; a ``{...}`` segment of the recorded one matches anything."""
    here, there = path.split("/")[1:], recorded.split("/")[1:]
    differences = [
        f"path segment {position} is {shown(actual)}, recorded {shown(expected)}"
        for position, (actual, expected) in enumerate(zip(here, there, strict=False), start=1)
        if actual != expected and not expected.startswith("{")
    ]
    if len(here) != len(there):
        differences.append(f"the path has {len(here)} segments, recorded {len(there)}")
    return differences


def query_differences(query: list[tuple[str, str]], recorded: list[tuple[str, str]]) -> list[str]:
    """Compare two sets of query parameters."""
    here, there = Counter(query), Counter(recorded)
    only_here, only_there = dict((here - there).keys()), dict((there - here).keys())
    differences: list[str] = []
    for name in sorted(only_here.keys() | only_there.keys()):
        if only_there.get(name) == REDACTED:
            continue
        actual, expected = _parameter(name, only_here), _parameter(name, only_there)
        differences.append(f"query parameter {name} is {actual}, recorded {expected}")
    return differences


def body_differences(body: bytes, recorded: str) -> list[str]:
    """Compare two bodies by JSON path where both are JSON, else as a whole; at most `DIFFERENCES_MAX`."""
    text = body.decode("utf-8", "replace")
    if text == recorded:
        return []
    try:
        here, there = json.loads(text or "null"), json.loads(recorded or "null")
        found = _value_differences("$", here, there)
        return [difference for difference, _ in zip(found, range(DIFFERENCES_MAX), strict=False)]
    except (ValueError, RecursionError):
        return [f"the body is {shown(text)}, recorded {shown(recorded)}"]


def shown(value: object) -> str:
    """Return a value as a short text without secrets."""
    text = redact_text(value if isinstance(value, str) else json.dumps(value))
    return repr(text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "…")


def _parameter(name: str, values: dict[str, str]) -> str:
    if name not in values:
        return "absent"
    return REDACTED if is_secret_name(name) else shown(values[name])


def _value_differences(path: str, here: object, there: object) -> Iterator[str]:
    if here == there or there == REDACTED:
        return
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(here.keys() | there.keys()):
            if key not in there:
                yield f"body {path}.{key} is not in the recorded body"
            elif key not in here:
                yield f"body {path}.{key} is missing, recorded {_member(key, there[key])}"
            elif not is_secret_name(key):
                yield from _value_differences(f"{path}.{key}", here[key], there[key])
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for position, (actual, expected) in enumerate(zip(here, there, strict=True)):
            yield from _value_differences(f"{path}[{position}]", actual, expected)
    else:
        yield f"body {path} is {shown(here)}, recorded {shown(there)}"


def _member(key: str, value: object) -> str:
    return REDACTED if is_secret_name(key) else shown(value)
