"""How a call's latency follows from the tool's earlier calls in the episode: how many they were, how the last ended.

The first call is cold, caches fill, a context grows; after a fault the next call connects anew. With x the normal score
of a call by itself, that of a call which k earlier ones of the tool came before is ``z = m_k + r_k x``, and after a
fault ``z = m_k + d + r_k g x``. m and r are kept at k = 0, 1, 3, 7, …, are linear in log2(k + 1) between, and stay as
they are beyond the last. Only calls of the same tool count: in which order tools are called is the caller's affair.
"""

import math
from collections.abc import Iterator

import msgspec


class SequenceLaw(msgspec.Struct, frozen=True):
    """Mean and spread of normal scores by what came before.

    Attributes:
        shifts: m at 0, 1, 3, 7, … earlier calls of the tool in the episode; at least one.
        scales: r there, positive.
        shares: how many of the recorded calls lie around each of them; they sum to 1.
        fault_shift: d, after a call that ended as a fault.
        fault_scale: g, positive.
        fault_share: how many of the recorded calls came after a fault, in [0, 1].
    """

    shifts: tuple[float, ...] = (0.0,)
    scales: tuple[float, ...] = (1.0,)
    shares: tuple[float, ...] = (1.0,)
    fault_shift: float = 0.0
    fault_scale: float = 1.0
    fault_share: float = 0.0

    def mixture(self) -> Iterator[tuple[float, float, float]]:
        """Yield shift, scale and share of all kinds of calls."""
        for shift, scale, share in zip(self.shifts, self.scales, self.shares, strict=True):
            yield shift, scale, share * (1.0 - self.fault_share)
            if self.fault_share:
                yield shift + self.fault_shift, scale * self.fault_scale, share * self.fault_share


class SequenceScores:
    """Moves the normal scores of one tool's calls, call by call.

    Args:
        law: what is moved by.

    Attributes:
        heeds_faults: whether it matters how the call before ended.
    """

    __slots__ = ("_after_fault", "_otherwise", "heeds_faults")

    def __init__(self, law: SequenceLaw) -> None:
        indexes = range(1 << (len(law.shifts) - 1))
        self._otherwise = [(_between(law.shifts, i), _between(law.scales, i)) for i in indexes]
        self._after_fault = [
            (shift + law.fault_shift, scale * law.fault_scale) for shift, scale in self._otherwise
        ]
        self.heeds_faults = law.fault_share > 0.0

    def moved(self, score: float, index: int, after_fault: bool) -> float:
        """Return the normal score of call `index`, from 0, of which `score` is that by itself."""
        of_index = self._after_fault if after_fault else self._otherwise
        shift, scale = of_index[index if index < len(of_index) else -1]
        return shift + scale * score


def _between(values: tuple[float, ...], index: int) -> float:
    """Return the value at a call index, linear in log2(index + 1) between the nodes."""
    position = math.log2(index + 1)
    i = int(position)
    if i == position:
        return values[i]
    return values[i] + (position - i) * (values[i + 1] - values[i])
