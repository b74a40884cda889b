"""Words in another case, and white space that is lost, doubled or of another kind."""

import re
from typing import Final, Literal

import msgspec

from earthwire.fault_models.observation.words import changed_words
from earthwire.fault_models.uniforms import UniformStream

CasingKind = Literal["lower", "upper", "title", "mixed"]

_GAP = re.compile(r"[ \t]+")
_SPACES: Final = ("", "  ", "\t", "\n", "\u00a0")
"""Lost, doubled, a tab, a line break, a space that does not break."""


class Casing(msgspec.Struct, frozen=True):
    """Words in another case.

    Attributes:
        rate: share of words.
        kinds: cases to choose from.
        numbers: words with digits may change, too.
    """

    rate: float
    kinds: tuple[CasingKind, ...]
    numbers: bool = False
    name = "casing"

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text with words in other cases."""
        return changed_words(text, uniforms, self.rate * severity, self._recase, self.numbers)

    def _recase(self, word: str, u: tuple[float, ...]) -> str:
        match self.kinds[int(u[1] * len(self.kinds))]:
            case "lower":
                return word.lower()
            case "upper":
                return word.upper()
            case "title":
                return word[:1].upper() + word[1:].lower()
            case "mixed":
                start = u[2] < 0.5
                return "".join(c.upper() if (i % 2 == 0) == start else c.lower() for i, c in enumerate(word))


class Whitespace(msgspec.Struct, frozen=True):
    """White space that changes.

    Attributes:
        rate: share of gaps between words of a line.
    """

    rate: float
    name = "whitespace"

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text with other gaps."""
        rate = self.rate * severity
        pieces: list[str] = []
        end = 0
        for index, gap in enumerate(_GAP.finditer(text)):
            u = uniforms.at(index)
            if u[0] < rate:
                pieces += (text[end : gap.start()], _SPACES[int(u[1] * len(_SPACES))])
                end = gap.end()
        return "".join((*pieces, text[end:]))
