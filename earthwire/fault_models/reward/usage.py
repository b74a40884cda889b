"""How many tokens a model call took, as its own answer says: OpenAI's and Anthropic's forms, whole or as events."""

from typing import Annotated, NamedTuple

import msgspec

_Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Whatever else an answer states is not what it took, and no trace record could hold it."""


class Usage(NamedTuple):
    """Tokens of one model call.

    Attributes:
        input_tokens: that the model read.
        output_tokens: that it wrote.
    """

    input_tokens: int = 0
    output_tokens: int = 0


class _Counts(msgspec.Struct):
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0
    input_tokens: _Tokens = 0
    output_tokens: _Tokens = 0


class _Message(msgspec.Struct):
    usage: _Counts | None = None


class _Answer(msgspec.Struct):
    usage: _Counts | None = None
    message: _Message | None = None
    response: _Message | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def usage_of(body: bytes) -> Usage:
    """Return the tokens that an answer states; zero where it states none.

    Args:
        body: JSON, or server-sent events, of which the largest counts are taken: they are running totals.

    >>> usage_of(b'{"usage": {"prompt_tokens": 9, "completion_tokens": 2}}')
    Usage(input_tokens=9, output_tokens=2)
    """
    if b'"usage"' not in body:
        return Usage()
    if body.lstrip()[:1] == b"{":
        return _stated(body)
    stated = [_stated(line[5:]) for line in body.splitlines() if line.startswith(b"data:")]
    return Usage(*(max((usage[i] for usage in stated), default=0) for i in range(2)))


def _stated(document: bytes) -> Usage:
    try:
        answer = _ANSWER.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Usage()
    holders = (answer, answer.message, answer.response)
    counts = next(
        (holder.usage for holder in holders if holder is not None and holder.usage is not None), None
    )
    if counts is None:
        return Usage()
    return Usage(
        counts.prompt_tokens or counts.input_tokens, counts.completion_tokens or counts.output_tokens
    )
