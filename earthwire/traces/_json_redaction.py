"""Removing secrets from JSON text without parsing it.

Only whole string and number tokens are replaced; numbers, order, white space and depth stay byte for byte as they
are. A secret key covers its scalar value and the scalars of an array right below it.
"""

import json
import re
from collections.abc import Sequence

from earthwire.traces._secrets import (
    CREDENTIAL_SHAPES,
    REDACTED,
    CredentialShape,
    is_secret_name,
    redact_shapes,
    shapes_in,
)

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|-?\d[\d.eE+-]*')
_NEXT_IS_KEY = re.compile(r'\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*:')
_PLAIN_KEY = re.compile(r'"([^"]*)"\s*:')


def redact_json(text: str) -> str:
    """Return JSON text without secrets; text that is not JSON comes back with the strings in it redacted."""
    # An escape can hide what a trigger looks for.
    shapes = CREDENTIAL_SHAPES if "\\u" in text else shapes_in(text)
    if not shapes and "\\" not in text and not any(map(is_secret_name, set(_PLAIN_KEY.findall(text)))):
        return text
    pieces: list[str] = []
    copied_to = 0
    previous_string = ""
    is_secret = False
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == ":":
            is_secret = is_secret_name(_content(previous_string))
        elif token in "{}]" or (token == "," and _ends_secret(text, match.end(), is_secret)):
            is_secret = False
        elif token not in "[,":
            previous_string = token
            redacted = _redact_token(token, is_secret, shapes)
            if redacted != token:
                pieces += (text[copied_to : match.start()], redacted)
                copied_to = match.end()
    pieces.append(text[copied_to:])
    return "".join(pieces)


def _ends_secret(text: str, position: int, is_secret: bool) -> bool:
    """Tell whether a comma ends a secret value: a key follows it, so it is not between items of an array."""
    return is_secret and _NEXT_IS_KEY.match(text, position) is not None


def _redact_token(token: str, is_secret: bool, shapes: Sequence[CredentialShape]) -> str:
    if token[0] != '"':
        return "0" if is_secret else token
    if is_secret:
        return f'"{REDACTED}"' if token != '""' else token
    if not shapes:
        return token
    content = _content(token)
    redacted = redact_shapes(content, shapes)
    return token if redacted == content else json.dumps(redacted, ensure_ascii=False)


def _content(token: str) -> str:
    """Return the text of a JSON string token; a token that is not a valid string is its own text."""
    if "\\" not in token:
        return token[1:-1]
    try:
        content = json.loads(token, strict=False)
    except ValueError:
        return token[1:-1]
    return str(content)
