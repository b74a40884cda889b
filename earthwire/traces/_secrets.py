"""What a secret looks like: names of fields that hold one, and shapes of credentials in any text.

Every pattern runs in linear time. Each has a trigger, a cheap search that must hit before the pattern can: most texts
hold none of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

REDACTED = "REDACTED"
NAMES_REMEMBERED_MAX = 1 << 14
NAME_CHARACTERS_MAX = 200
"""Only the end of a longer name is looked at; it bounds what is remembered."""

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


@dataclass(frozen=True, slots=True)
class CredentialShape:
    """One shape of a credential.

    Attributes:
        trigger: hits wherever `pattern` does, whatever stands around it.
        pattern: the credential.
        replacement: what stands in its place.
    """

    trigger: re.Pattern[str]
    pattern: re.Pattern[str]
    replacement: str = REDACTED


def _shape(trigger: str, pattern: str, replacement: str = REDACTED) -> CredentialShape:
    return CredentialShape(re.compile(trigger), re.compile(pattern), replacement)


_EMAIL = r"(?<![\w.%+-])[\w.%+-]+@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}\b"
_GITHUB = r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
_PRIVATE_KEY = r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,30}-----)?"

CREDENTIAL_SHAPES: tuple[CredentialShape, ...] = (
    _shape(r"eyJ", r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),
    # A challenge such as Bearer resource_metadata="..." holds parameters, not a credential.
    _shape(
        r"(?i)bearer|basic",
        r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{8,}+=*+(?![\"\w])",
        rf"\1 {REDACTED}",
    ),
    _shape(r"AKIA|ASIA|AROA|AIDA", r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b"),
    _shape(r"gh[pousr]_|github_pat_|glpat-", rf"\b(?:{_GITHUB})"),
    _shape(r"[srp]k[-_]", r"\b[srp]k[-_](?=[A-Za-z_-]{0,200}\d)[A-Za-z0-9_-]{16,}"),
    _shape(r"xox[a-z]-", r"\bxox[a-z]-[A-Za-z0-9-]{10,}"),
    _shape(r"AIza", r"\bAIza[0-9A-Za-z_-]{30,}"),
    _shape(r"PRIVATE KEY-----", _PRIVATE_KEY),
    _shape(r"@", r"(?<=://)[^/\s@?#\"']{1,512}@", ""),
    _shape(r"@", _EMAIL, "redacted@example.com"),
)


def is_secret_name(name: str) -> bool:
    """Tell whether a parameter, JSON key or form field of this name holds a secret.

    >>> is_secret_name("X-Api-Key"), is_secret_name("next_page_token"), is_secret_name("max_tokens")
    (True, False, False)
    """
    return _is_secret_name(name[-NAME_CHARACTERS_MAX:])


@lru_cache(maxsize=NAMES_REMEMBERED_MAX)
def _is_secret_name(name: str) -> bool:
    plain = _NAME_NOISE.sub("", name.lower())
    return plain in _SECRET_NAMES or _SECRET_NAME_END.search(plain) is not None


def shapes_in(text: str) -> Sequence[CredentialShape]:
    """Return the shapes whose trigger hits: no other can be in the text."""
    return [shape for shape in CREDENTIAL_SHAPES if shape.trigger.search(text)]


def redact_text(text: str) -> str:
    """Replace everything that has the shape of a credential or an e-mail address."""
    return redact_shapes(text, shapes_in(text))


def redact_shapes(text: str, shapes: Sequence[CredentialShape]) -> str:
    """Replace everything that has one of these shapes."""
    for shape in shapes:
        text = shape.pattern.sub(shape.replacement, text)
    return text
