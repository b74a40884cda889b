"""The rule on classifier scores: a simulation may be told from reality hardly more easily than another half of reality.

It passes where the mean over splits is at most `AUC_EXCESS_MAX` above the floor, and surely so; it fails where the mean
is above. `benchmarks/verdict_rates.py` measures how often it errs.
"""

from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np
from scipy import special

AUC_EXCESS_MAX = 0.05
"""What an AUC may be above the floor, or above 0.5 where the floor is lower."""
_CONFIDENCE = 0.95


class AucExcess(msgspec.Struct, frozen=True):
    """How far an AUC is above the floor.

    Attributes:
        name: of the AUC, as a sentence begins with it.
        mean: over the splits.
        high: upper end of its one-sided 95 % t interval; None for a single split.
    """

    name: str
    mean: float
    high: float | None

    @classmethod
    def of(cls, name: str, auc: Sequence[float], floors: Sequence[float]) -> Self:
        """Compare the AUC of each split with the floor of the same split."""
        excess = np.array(auc) - np.maximum(0.5, floors)
        mean, n = float(excess.mean()), len(excess)
        if n < 2:
            return cls(name, mean, None)
        half = special.stdtrit(n - 1, _CONFIDENCE) * excess.std(ddof=1) / np.sqrt(n)
        return cls(name, mean, float(mean + half))

    def failures(self) -> list[str]:
        """Return what is wrong: a sentence where the mean is too high."""
        if self.mean <= AUC_EXCESS_MAX:
            return []
        return [f"{self.name} is {self.mean:.3f} above the floor, more than {AUC_EXCESS_MAX}"]

    def unresolved(self) -> list[str]:
        """Return what cannot be told: a sentence where the mean is low enough, but the splits scatter too much."""
        if self.mean > AUC_EXCESS_MAX or self.high is None or self.high <= AUC_EXCESS_MAX:
            return []
        return [
            f"{self.name} is {self.mean:.3f} above the floor but may be {self.high:.3f}, more than {AUC_EXCESS_MAX}: "
            "more sessions or more --repeats would tell"
        ]
