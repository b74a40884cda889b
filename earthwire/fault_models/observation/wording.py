"""The same in other words, or in words of another language: word by word, from data that comes with the package.

Synonyms are from WordNet, words of other languages from a short list of the commonest ones. Both say less than a
model would; a recipe can name an endpoint that rewrites whole texts instead.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import msgspec

from earthwire.fault_models.observation.words import changed_words
from earthwire.fault_models.uniforms import UniformStream

Language = Literal["de", "es", "fr"]


@lru_cache(maxsize=1)
def synonyms() -> Mapping[str, tuple[str, ...]]:
    """Return the synonyms of each word that has one main meaning, the commonest synonym first."""
    text = (files(__package__) / "synonyms.txt").read_text("utf-8")
    lines = (line.partition(": ") for line in text.splitlines() if not line.startswith("#"))
    return {word: tuple(others.split(", ")) for word, _, others in lines}


@lru_cache(maxsize=3)
def translations(language: Language) -> Mapping[str, str]:
    """Return a word of another language for each of the commonest English words."""
    table = json.loads((files(__package__) / "common_words.json").read_text("utf-8"))
    return {english: others[language] for english, others in table.items()}


class Paraphrase(msgspec.Struct, frozen=True):
    """Words replaced by synonyms.

    Attributes:
        rate: share of words that are replaced, of those that have a synonym.
    """

    rate: float
    name = "paraphrase"

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text in other words."""
        return changed_words(text, uniforms, self.rate * severity, _synonym)


class CodeSwitch(msgspec.Struct, frozen=True):
    """Words of another language.

    Attributes:
        rate: share of words that switch, of those that are known.
        language: to switch to.
    """

    rate: float
    language: Language
    name = "language"

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text with words of the other language."""
        return changed_words(text, uniforms, self.rate * severity, self._switch)

    def _switch(self, word: str, u: tuple[float, ...]) -> str:
        return _in_case_of(word, translations(self.language).get(word.lower(), word))


def _synonym(word: str, u: tuple[float, ...]) -> str:
    others = synonyms().get(word.lower())
    return word if others is None else _in_case_of(word, others[int(u[1] * len(others))])


def _in_case_of(word: str, other: str) -> str:
    """Return the other word in upper case, or with a capital, where the word was."""
    if len(word) > 1 and word.isupper():
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other
