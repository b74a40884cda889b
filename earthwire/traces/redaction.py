"""Removing secrets from headers, URLs and bodies before anything is kept.

Rules:

1. Headers are kept by an allow-list of names: a header nobody thought of is dropped.
2. URLs and bodies lose the values of parameters and JSON keys with a secret-like name, and every text that
   has the shape of a credential or an e-mail address, wherever it stands.
3. JSON stays JSON: only whole string and number tokens are replaced, everything else stays byte for byte.
4. Every pattern runs in linear time, and bodies are bounded.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote_plus, unquote_plus

from earthwire.traces._json_redaction import redact_json
from earthwire.traces._secrets import REDACTED, is_secret_name, redact_text
from earthwire.traces.labels.body_class import is_json_type

BODY_CHARACTERS_MAX = 1 << 20

HEADERS_KEPT: frozenset[str] = frozenset(
    (
        "accept-ranges",
        "age",
        "allow",
        "cache-control",
        "cf-cache-status",
        "cf-ray",
        "connection",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "deprecation",
        "etag",
        "expires",
        "keep-alive",
        "last-modified",
        "link",
        "location",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "pragma",
        "proxy-status",
        "retry-after",
        "server",
        "server-timing",
        "sunset",
        "transfer-encoding",
        "vary",
        "via",
        "warning",
        "www-authenticate",
        "x-cache",
        "x-content-type-options",
        "x-powered-by",
        "x-request-id",
        "x-runtime",
        "x-served-by",
        "x-total-count",
    )
)
_HEADER_KEPT = re.compile(r"(x-)?rate-?limit(-[a-z0-9-]+)?|access-control-[a-z-]+")
_URL_HEADERS = frozenset(("location", "content-location"))

_ASSIGNMENT = re.compile(
    r"(?i)(password|passwd|secret|api[_-]?key|access[_-]?key|token|authorization)"
    r"([\"']?\s{0,8}[:=>]\s{0,8}[\"']?)([^\s\"'<>&,;}]{3,4096})"
)


def redact_headers(headers: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the headers that are safe to keep.

    Args:
        headers: name, in any case, to its values.

    Returns:
        Lower-case name to values; names outside the allow-list are dropped, values are redacted.
    """
    kept: dict[str, list[str]] = {}
    for name, values in headers.items():
        lower = name.lower()
        if lower in HEADERS_KEPT or _HEADER_KEPT.fullmatch(lower):
            redact = redact_url if lower in _URL_HEADERS else redact_text
            kept.setdefault(lower, []).extend(redact(value) for value in values)
    return kept


def redact_url(url: str) -> str:
    """Return a URL without user, password, fragment, secret parameters and credential-shaped text.

    >>> redact_url("https://bob:hunter2@api.example/v1?api_key=abc&page=2#top")
    'https://api.example/v1?api_key=REDACTED&page=2'
    """
    before_fragment = url.partition("#")[0]
    location, mark, query = before_fragment.partition("?")
    return redact_text(location) + mark + _redact_pairs(query)


def redact_body(text: str, content_type: str | None) -> str:
    """Return a body without secrets.

    Args:
        text: the decoded body; what is beyond `BODY_CHARACTERS_MAX` is cut off.
        content_type: its content type, or None; a body that starts like JSON is handled as JSON.
    """
    if content_type is not None and content_type.lower().startswith("application/x-www-form-urlencoded"):
        return _redact_pairs(text[:BODY_CHARACTERS_MAX])
    if len(text) <= BODY_CHARACTERS_MAX and (is_json_type(content_type) or text.lstrip()[:1] in ("{", "[")):
        return redact_json(text)
    return _redact_loose(text[:BODY_CHARACTERS_MAX])


def _redact_pairs(query: str) -> str:
    if not query:
        return query
    return "&".join(_redact_pair(pair) for pair in query.split("&"))


def _redact_pair(pair: str) -> str:
    name, mark, value = pair.partition("=")
    if mark and is_secret_name(unquote_plus(name)):
        return f"{name}={REDACTED}"
    plain = unquote_plus(value)
    redacted = redact_text(plain)
    return pair if redacted == plain else f"{name}={quote_plus(redacted)}"


def _redact_loose(text: str) -> str:
    return redact_text(_ASSIGNMENT.sub(rf"\1\2{REDACTED}", text))
