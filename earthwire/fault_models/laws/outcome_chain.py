"""Many outcomes of one tool in turn, each drawn after the one before it."""

import numpy as np
import numpy.typing as npt

from earthwire.fault_models.laws.outcome import OutcomeLaw


def draw_chain(law: OutcomeLaw, us: npt.NDArray[np.float64], previous: str, usual: str = "ok") -> list[str]:
    """Return what `OutcomeLaw.draw` gives, one call after the other.

    Most calls of most tools follow a good one and are good. So all are first drawn as if they did; only what follows
    another outcome is drawn anew.

    Args:
        law: of the outcomes.
        us: uniforms of the calls, shape (n_calls,).
        previous: outcome kind before the first of them.
        usual: outcome kind that most calls follow.
    """
    bounds, names = law.cumulative(usual)
    after_usual = np.searchsorted(np.array(bounds), us, side="right")
    changes = iter(np.flatnonzero(after_usual != _position(names, usual)).tolist())
    change = next(changes, len(us))
    kinds: list[str] = []
    while len(kinds) < len(us):
        at = len(kinds)
        if previous != usual:
            previous = law.draw(float(us[at]), previous)
            kinds.append(previous)
            continue
        while change < at:
            change = next(changes, len(us))
        kinds += [usual] * (change - at)
        if change < len(us):
            previous = names[after_usual[change]]
            kinds.append(previous)
    return kinds


def _position(names: list[str], usual: str) -> int:
    return names.index(usual) if usual in names else -1
