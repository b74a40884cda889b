"""Whether an agent solves a task again and again, not only once."""

from collections.abc import Mapping, Sequence
from math import comb


def pass_all(outcomes: Mapping[str, Sequence[bool]], most: int) -> dict[int, float]:
    """Return pass^k: how likely k runs of a task all succeed, averaged over tasks, for k = 1, 2, 4, … up to `most`.

    From c successes in n runs of a task, C(c, k) / C(n, k) is the unbiased estimate (Yao et al., "τ-bench", 2024,
    section 4). A task with fewer than k runs does not count.

    >>> pass_all({"": [True, True, True, False]}, 4)
    {1: 0.75, 2: 0.5, 4: 0.0}
    """
    result = {}
    k = 1
    while k <= most:
        shares = [comb(sum(runs), k) / comb(len(runs), k) for runs in outcomes.values() if len(runs) >= k]
        if shares:
            result[k] = sum(shares) / len(shares)
        k *= 2
    return result
