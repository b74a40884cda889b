"""Removing secrets from headers, URLs and bodies before anything is kept.

Rules:

1. Headers are kept by an allow-list of names: a header nobody thought of is dropped.
2. URLs and bodies lose the values of parameters and JSON keys with a secret-like name, and every text that
   has the shape of a credential or an e-mail address, wherever it stands.
3. JSON stays JSON: only whole string and number tokens are replaced, everything else stays byte for byte.
4. Every pattern runs in linear time, and bodies are bounded.
"""

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote_plus, unquote_plus

from earthwire.traces.body_class import is_json_type

REDACTED = "REDACTED"
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

_SECRET_NAMES = frozenset(
    (
        "auth",
        "authorization",
        "cookie",
        "cookies",
        "csrf",
        "jwt",
        "otp",
        "passphrase",
        "passwd",
        "pwd",
        "sid",
        "sig",
        "signature",
        "token",
        "xsrf",
    )
)
_SECRET_NAME_END = re.compile(
    r"(password|secret|secretvalue|apikey|appkey|accesskey|accesskeyid|secretkey|privatekey|signingkey|subscriptionkey|"
    r"sharedkey|hmackey|accesstoken|refreshtoken|authtoken|idtoken|sessiontoken|bearertoken|securitytoken|csrftoken|"
    r"xsrftoken|authkey|sessionid|clientassertion|connectionstring|amzsignature|amzcredential|authorization)$"
)
_NAME_NOISE = re.compile(r"[^a-z0-9]")

_EMAIL = r"(?<![\w.%+-])[\w.%+-]+@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}\b"
_VALUE_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), REDACTED),
    # A challenge such as Bearer resource_metadata="..." holds parameters, not a credential.
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{8,}+=*+(?![\"\w])"), rf"\1 {REDACTED}"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b"), REDACTED),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})"), REDACTED),
    (re.compile(r"\b[srp]k[-_](?=[A-Za-z_-]{0,200}\d)[A-Za-z0-9_-]{16,}"), REDACTED),
    (re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{10,}"), REDACTED),
    (re.compile(r"\bAIza[0-9A-Za-z_-]{30,}"), REDACTED),
    (
        re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,30}-----)?"),
        REDACTED,
    ),
    (re.compile(r"(?<=://)[^/\s@?#\"']{1,512}@"), ""),
    (re.compile(_EMAIL), "redacted@example.com"),
)
_ASSIGNMENT = re.compile(
    r"(?i)(password|passwd|secret|api[_-]?key|access[_-]?key|token|authorization)"
    r"([\"']?\s{0,8}[:=>]\s{0,8}[\"']?)([^\s\"'<>&,;}]{3,4096})"
)
_NEXT_IS_KEY = re.compile(r'\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*:')
_JSON_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|-?\d[\d.eE+-]*')


def is_secret_name(name: str) -> bool:
    """Tell whether a parameter, JSON key or form field of this name holds a secret.

    >>> is_secret_name("X-Api-Key"), is_secret_name("next_page_token"), is_secret_name("max_tokens")
    (True, False, False)
    """
    plain = _NAME_NOISE.sub("", name.lower())
    return plain in _SECRET_NAMES or _SECRET_NAME_END.search(plain) is not None


def redact_text(text: str) -> str:
    """Replace everything that has the shape of a credential or an e-mail address."""
    for pattern, replacement in _VALUE_PATTERNS:
        text = pattern.sub(replacement, text)
    return text


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
        return _redact_json(text)
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


def _redact_json(text: str) -> str:
    """Redact token by token. A secret key covers its scalar value and the scalars of an array below it."""
    pieces: list[str] = []
    copied_to = 0
    previous_string = ""
    is_secret = False
    for match in _JSON_TOKEN.finditer(text):
        token = match.group()
        if token == ":":
            is_secret = is_secret_name(_content(previous_string))
        elif token in "{}]" or (token == "," and _ends_secret(text, match.end(), is_secret)):
            is_secret = False
        elif token not in "[,":
            previous_string = token
            redacted = _redact_token(token, is_secret)
            if redacted != token:
                pieces += (text[copied_to : match.start()], redacted)
                copied_to = match.end()
    pieces.append(text[copied_to:])
    return "".join(pieces)


def _ends_secret(text: str, position: int, is_secret: bool) -> bool:
    """Tell whether a comma ends a secret value: a key follows it, so it is not between items of an array."""
    return is_secret and _NEXT_IS_KEY.match(text, position) is not None


def _redact_token(token: str, is_secret: bool) -> str:
    if token[0] != '"':
        return "0" if is_secret else token
    if is_secret:
        return f'"{REDACTED}"' if token != '""' else token
    content = _content(token)
    redacted = redact_text(content)
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
