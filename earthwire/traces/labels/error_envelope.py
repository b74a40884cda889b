"""Errors that hide in successes: JSON that says "error" under a status that says "fine"."""

import re
from collections.abc import Mapping
from functools import lru_cache

_VOCABULARY = frozenset(
    (
        "code",
        "data",
        "description",
        "detail",
        "details",
        "documentationurl",
        "error",
        "errorcode",
        "errordescription",
        "errormessage",
        "errors",
        "errortype",
        "exception",
        "fault",
        "help",
        "hint",
        "instance",
        "message",
        "messages",
        "msg",
        "ok",
        "path",
        "reason",
        "requestid",
        "result",
        "results",
        "retryable",
        "status",
        "statuscode",
        "success",
        "timestamp",
        "title",
        "traceid",
        "type",
    )
)
"""Keys of error envelopes, without case and separators. A body with any other key is about something else."""

_EVIDENCE = ("error", "errors", "fault", "exception")
_CONTENT = ("data", "result", "results")
_FAILED = frozenset(("error", "fail", "failed", "failure"))
_NOISE = re.compile(r"[_-]")
_FIRST_KEY = re.compile(rb'\s*\{\s*"([A-Za-z_-]{1,40})"')
_KEY_BYTES_MAX = 40
_KEYS_REMEMBERED = 1024
_FIRST_KEYS = frozenset(key.encode() for key in _VOCABULARY | {"jsonrpc", "id"})
"""What a JSON-RPC response may begin with is added."""

LLM_ERROR_TYPES = frozenset(
    (
        "overloaded_error",
        "insufficient_quota",
        "context_length_exceeded",
        "content_filter",
        "rate_limit_exceeded",
        "model_overloaded",
    )
)
"""Types and codes that only the APIs of language models use."""


def is_error_envelope(value: object) -> bool:
    """Tell whether decoded JSON is nothing but an error report.

    It must say that there is an error and must hold nothing else than what error reports hold: a job that failed
    has an id and is a good answer to the question how the job is doing.

    >>> is_error_envelope({"error": "quota exceeded"}), is_error_envelope({"id": 7, "status": "failed"})
    (True, False)
    """
    if not isinstance(value, Mapping) or not value:
        return False
    folded = {_folded(str(key)): item for key, item in value.items()}
    if not folded.keys() <= _VOCABULARY or any(folded.get(key) for key in _CONTENT):
        return False
    status = folded.get("status")
    if folded.get("success") is False or folded.get("ok") is False:
        return True
    if isinstance(status, str) and status.lower() in _FAILED:
        return True
    return any(_says_something(folded.get(key)) for key in _EVIDENCE)


def may_be_error_envelope(body: bytes, bytes_max: int = 16 * 1024) -> bool:
    """Tell by the first key of a body alone whether it can be an error report, of JSON-RPC or otherwise, at all.

    All keys of an error envelope are of its vocabulary, so the first one is, too.
    """
    if len(body) > bytes_max:
        return False
    if body[:2] == b'{"':
        # Every body that is relayed comes through here, and most begin so.
        end = body.find(b'"', 2, _KEY_BYTES_MAX + 3)
        return end > 0 and _may_begin_envelope(body[2:end])
    first = _FIRST_KEY.match(body)
    return first is not None and _may_begin_envelope(first[1])


@lru_cache(_KEYS_REMEMBERED)
def _may_begin_envelope(key: bytes) -> bool:
    """Tell whether the first key of a body is one that error envelopes begin with."""
    return key.translate(None, b"_-").lower() in _FIRST_KEYS


def llm_error_type(value: object) -> str | None:
    """Return the error type of an envelope of a language model's API, or None."""
    error = value.get("error") if isinstance(value, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    named = (error.get("code"), error.get("type"))
    return next((name for name in named if isinstance(name, str) and name in LLM_ERROR_TYPES), None)


def _folded(key: str) -> str:
    return _NOISE.sub("", key).lower()


def _says_something(item: object) -> bool:
    return item is True or (isinstance(item, str | Mapping | list) and bool(item))
