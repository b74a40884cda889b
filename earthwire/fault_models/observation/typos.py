"""Slips of fingers and of readers: neighbouring keys, letters dropped, swapped or doubled, letters misread.

Keys are neighbours by their distance on a keyboard whose rows are shifted as on a typewriter; nothing is tabulated.
What is misread follows the shapes that optical character recognition is known to confuse.
"""

from collections.abc import Callable
from itertools import product
from typing import Final, Literal

import msgspec

from earthwire.fault_models.observation.words import changed_words
from earthwire.fault_models.uniforms import UniformStream

TypoKind = Literal["neighbour", "drop", "swap", "double", "ocr"]

_ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))
_NEIGHBOUR_DISTANCE_MAX = 1.3
_MISREAD: Final = (
    ("rn", "m"),
    ("m", "rn"),
    ("cl", "d"),
    ("d", "cl"),
    ("vv", "w"),
    ("w", "vv"),
    ("li", "h"),
    ("e", "c"),
    ("c", "e"),
    ("u", "v"),
    ("I", "l"),
    ("l", "I"),
    ("f", "t"),
    ("a", "o"),
)


def _neighbours() -> dict[str, str]:
    keys = {
        key: (column + shift, float(row))
        for row, (keys, shift) in enumerate(_ROWS)
        for column, key in enumerate(keys)
    }
    near: dict[str, str] = dict.fromkeys(keys, "")
    for (one, (x, y)), (other, (v, w)) in product(keys.items(), repeat=2):
        if one != other and (x - v) ** 2 + (y - w) ** 2 <= _NEIGHBOUR_DISTANCE_MAX**2:
            near[one] += other
    return near


NEIGHBOURS: Final = _neighbours()
"""Keys beside each letter key."""


class Typos(msgspec.Struct, frozen=True):
    """Words that are mistyped or misread.

    Attributes:
        rate: share of words that get one slip.
        kinds: slips to choose from.
        numbers: words with digits may change, too.
    """

    rate: float
    kinds: tuple[TypoKind, ...]
    numbers: bool = False
    name = "typos"

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text with its slips."""
        return changed_words(text, uniforms, self.rate * severity, self._slip, self.numbers)

    def _slip(self, word: str, u: tuple[float, ...]) -> str:
        """Return the word with the drawn slip, or with the next one where the word has no room for that."""
        first = int(u[1] * len(self.kinds))
        for kind in (*self.kinds[first:], *self.kinds[:first]):
            slipped = slip(word, kind, u[2], u[3])
            if slipped != word:
                return slipped
        return word


def slip(word: str, kind: TypoKind, where: float, which: float) -> str:
    """Return a word with one slip; the word itself where it has no room for it.

    >>> slip("form", "ocr", 0.1, 0.0), slip("form", "swap", 0.1, 0.0)
    ('torm', 'ofrm')

    Args:
        word: to mistype.
        kind: of slip.
        where, which: in (0, 1); decide the place in the word and what stands there.
    """
    match kind:
        case "neighbour":
            places = [i for i, letter in enumerate(word) if letter.lower() in NEIGHBOURS]
            return _replaced(word, places, where, lambda letter: _beside(letter, which))
        case "drop":
            places = list(range(1, len(word))) if len(word) > 2 else []
            return _replaced(word, places, where, lambda _: "")
        case "double":
            places = [i for i, letter in enumerate(word) if letter.isalpha()]
            return _replaced(word, places, where, lambda letter: letter * 2)
        case "swap":
            pairs = [i for i in range(len(word) - 1) if word[i] != word[i + 1]]
            if not pairs:
                return word
            i = pairs[int(where * len(pairs))]
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        case "ocr":
            found = [(word.index(shape), shape, misread) for shape, misread in _MISREAD if shape in word]
            if not found:
                return word
            i, shape, misread = sorted(found)[int(where * len(found))]
            return word[:i] + misread + word[i + len(shape) :]


def _replaced(word: str, places: list[int], where: float, change: Callable[[str], str]) -> str:
    if not places:
        return word
    i = places[int(where * len(places))]
    return word[:i] + change(word[i]) + word[i + 1 :]


def _beside(letter: str, which: float) -> str:
    near = NEIGHBOURS[letter.lower()]
    hit = near[int(which * len(near))]
    return hit.upper() if letter.isupper() else hit
