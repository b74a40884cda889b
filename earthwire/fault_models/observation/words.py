"""Words of a text, and which of them may be changed.

Identifiers, numbers, links, paths and addresses are no words: whoever acts on them would act on something else. A
word is letters between white space, with punctuation around it and with hyphens or apostrophes inside.
"""

import re
from collections.abc import Callable

from earthwire.fault_models.uniforms import UniformStream

_TOKEN = re.compile(r"\S+")
_CORE = re.compile(r"[^\w]*(.*?)[^\w]*", re.DOTALL)
_PLAIN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_AROUND = frozenset("()[]{}\"'“”‘’.,;:!?…*")

WordChange = Callable[[str, tuple[float, ...]], str]
"""Takes a word and its 8 uniforms, of which the first was used to choose it; returns what stands in its place."""


def changed_words(
    text: str, uniforms: UniformStream, rate: float, change: WordChange, numbers: bool = False
) -> str:
    """Return the text with a share of its words changed.

    Args:
        text: to change; white space and punctuation stay.
        uniforms: of the text, by position of the word.
        rate: share of the words that are chosen; above 1 it is 1.
        change: of one word.
        numbers: whatever stands between white space is a word.
    """
    if rate <= 0.0:
        return text
    pieces: list[str] = []
    end = 0
    for index, token in enumerate(_TOKEN.finditer(text)):
        span = _word_span(token.group(), numbers)
        if span is None:
            continue
        # A chosen word stays chosen at every higher rate: the uniform belongs to its position.
        u = uniforms.at(index)
        if u[0] >= rate:
            continue
        first, last = token.start() + span[0], token.start() + span[1]
        pieces += (text[end:first], change(text[first:last], u))
        end = last
    return "".join((*pieces, text[end:]))


def _word_span(token: str, numbers: bool) -> tuple[int, int] | None:
    """Return where the word in a token begins and ends; None where it holds none that may be changed."""
    core = _CORE.fullmatch(token)
    assert core is not None, "the pattern matches any text"
    first, last = core.span(1)
    if first == last:
        return None
    if numbers:
        return first, last
    around = token[:first] + token[last:]
    is_plain = _PLAIN.fullmatch(token, first, last) is not None and _AROUND.issuperset(around)
    return (first, last) if is_plain else None
