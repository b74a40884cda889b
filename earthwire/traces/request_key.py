"""The request key: equal keys mean the same request, whatever host it went to.

Recording and replay compute it alike. Rules:

1. The host is not part of it: a recording of the real tool matches a request to the proxy.
2. The order of query parameters, of form pairs and of JSON keys does not count; JSON white space does not
   either.
3. The ``id`` and ``params._meta`` of a JSON-RPC request do not count: they differ between equal calls.
"""

import hashlib
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

import msgspec

from earthwire.traces.labels.body_class import is_json_type

_PARAMETERS_MAX = 10_000
_KEYS_REMEMBERED = 4096


def request_key(method: str, target: str, body: bytes | None = None, content_type: str | None = None) -> str:
    """Return the key of a request, 16 hex digits.

    Args:
        method: HTTP method, in any case.
        target: full URL or origin form (``/path?query``).
        body: request body after content decoding; None and empty are the same.
        content_type: request content type; without one, a body that parses as JSON is read as JSON.

    >>> request_key("GET", "https://a.example/x?b=2&a=1") == request_key("get", "/x?a=1&b=2")
    True
    """
    return _key(method, target, body, content_type) if body else _key_without_body(method, target)


@lru_cache(_KEYS_REMEMBERED)
def _key_without_body(method: str, target: str) -> str:
    return _key(method, target, None, None)


def _key(method: str, target: str, body: bytes | None, content_type: str | None) -> str:
    path, query = split_target(target)
    parts = (method.upper().encode(), path.encode(), repr(query).encode(), canonical_body(body, content_type))
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def split_target(target: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a URL or origin form into its path and its sorted query pairs, without host and fragment."""
    origin_form = "//-" + target if target.startswith("/") else target
    parts = urlsplit(origin_form)
    return parts.path or "/", _sorted_pairs(parts.query)


def canonical_body(body: bytes | None, content_type: str | None) -> bytes:
    """Return the body in the one form that all equal bodies share."""
    if not body:
        return b""
    if content_type is not None and content_type.lower().startswith("application/x-www-form-urlencoded"):
        return repr(_sorted_pairs(body.decode("utf-8", "replace"))).encode()
    if content_type is None or is_json_type(content_type):
        return _canonical_json(body)
    return body


def _canonical_json(body: bytes) -> bytes:
    try:
        value = msgspec.json.decode(body)
        if isinstance(value, dict) and value.get("jsonrpc") == "2.0":
            value = _without_call_identity(value)
        return msgspec.json.encode(value, order="sorted")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body


def _without_call_identity(message: dict[str, object]) -> dict[str, object]:
    kept = {key: value for key, value in message.items() if key != "id"}
    parameters = kept.get("params")
    if isinstance(parameters, dict):
        kept["params"] = {key: value for key, value in parameters.items() if key != "_meta"}
    return kept


def _sorted_pairs(text: str) -> list[tuple[str, str]]:
    try:
        return sorted(parse_qsl(text, keep_blank_values=True, max_num_fields=_PARAMETERS_MAX))
    except ValueError:
        return [("", text)]
