"""Chooses how the calls of an episode hang together: by the compact law, or by the replay of donor sessions.

Both are fitted on one half of the sessions and simulate the other half. The replay is taken where it is told from the
recorded calls clearly less easily than the compact law on each of four splits: of two that do equally well,
the law that says why is the better one. With too few sessions for that it is the compact law, which needs fewer.

The classifier looks at single calls. With what is constant in a session as well it learns sessions by heart, and the
advantage of one engine over the other scatters by ± .1 from split to split on hundreds of sessions; by single calls it
scatters by a quarter to a half of that. What it cannot see then is how far the calls of a session scatter: whether the
spreads of whole sessions are distributed as recorded is asked beside it, of one number a session.

The first split on which the replay is not clearly better ends the choice: mostly it is the first of all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import msgspec
import numpy as np

from earthwire.fault_models.profile import Profile
from earthwire.grounding.gap import yardstick
from earthwire.grounding.gap.small_trees import two_sample_auc
from earthwire.grounding.samples.distances import ks
from earthwire.grounding.simulated import simulate
from earthwire.traces.columns.calls import Calls, FloatArray, split_sessions

Engine = Literal["compact", "replay"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

SESSIONS_MIN = 40
"""Sessions that a choice needs: half of them fit, the other half score in 4 folds."""
CHOICE_CALLS_MAX = 20_000
"""Calls that one split is made of; larger sets are thinned by session."""
_ADVANTAGE_MIN = 0.02
"""By how much the AUC of the replay must be the lower one."""
_SPREAD_ADVANTAGE_MIN = 0.03
"""Or else by how much the distance of the spreads of its sessions from recorded ones must be."""
_SPREAD_DISTANCE_MIN = 0.1
"""A compact law that is nearer than this needs no replay."""
_SPREAD_CALLS_MIN = 4
"""Calls that a session's spread needs."""
_SPREAD = yardstick.FEATURES.index("session spread of residuals")
_SPLITS = 4
_SEED = 0


def choose_engine(timed: Calls, fit: Callable[[Calls], Profile]) -> Engine:
    """Return the engine that simulates held-out sessions better.

    Args:
        timed: calls with known latencies.
        fit: makes a profile that holds what both engines need.
    """
    if timed.session_count < SESSIONS_MIN:
        return "compact"
    for i in range(_SPLITS):
        if not _Trial.of(timed, fit, np.random.default_rng((_SEED, i))).prefers_replay():
            return "compact"
    return "replay"


def with_engine(profile: Profile, engine: Engine) -> Profile:
    """Return a profile that holds what one engine needs, and not what the other one would."""
    if engine == "replay":
        return profile
    tools = {name: msgspec.structs.replace(laws, donor_ranks=None) for name, laws in profile.tools.items()}
    return msgspec.structs.replace(profile, tools=tools, donor_levels=(), donor_spreads=())


def thinned(calls: Calls, calls_max: int, rng: np.random.Generator) -> Calls:
    """Return whole sessions, drawn at random, of at most `calls_max` calls; all of them where they are fewer."""
    if len(calls) <= calls_max:
        return calls
    sessions = np.unique(calls.session)
    rng.shuffle(sessions)
    size = np.bincount(calls.session)[sessions]
    return calls.of_sessions(sessions[np.cumsum(size) <= calls_max])


@dataclass(frozen=True, slots=True)
class _Trial:
    """A split of the sessions: the laws of one half, and what they are to simulate.

    Attributes:
        profile: fitted to one half, with what both engines need.
        held_out: the other half.
        base: levels of the tools in the first half, which features are relative to.
        real: features of the other half.
    """

    profile: Profile
    held_out: Calls
    base: FloatArray
    real: FloatArray

    @classmethod
    def of(cls, timed: Calls, fit: Callable[[Calls], Profile], rng: np.random.Generator) -> "_Trial":
        """Split at random and fit."""
        training, held_out = split_sessions(thinned(timed, CHOICE_CALLS_MAX, rng), rng)
        base = yardstick.base_levels(training)
        return cls(fit(training), held_out, base, yardstick.features(held_out, base))

    def prefers_replay(self) -> bool:
        """Tell whether the replay is clearly better."""
        compact = self._told("compact")
        # No replay can be better than indistinguishable: then it need not be simulated.
        if compact.auc - 0.5 <= _ADVANTAGE_MIN and compact.spread_distance <= _SPREAD_DISTANCE_MIN:
            return False
        replay = self._told("replay")
        return (
            compact.auc - replay.auc > _ADVANTAGE_MIN
            or compact.spread_distance - replay.spread_distance > _SPREAD_ADVANTAGE_MIN
        )

    def _told(self, engine: Engine) -> "_Told":
        """Return how well an engine's simulation is told from the recorded half."""
        simulated = simulate(with_engine(self.profile, engine), self.held_out, _SEED)
        features = yardstick.features(simulated, self.base)
        real, ours = (table[:, yardstick.CALL_FEATURES] for table in (self.real, features))
        auc = two_sample_auc(real, ours, self.held_out.session)
        real_spreads, our_spreads = self._spreads(self.real), self._spreads(features)
        return _Told(max(auc, 0.5), ks(real_spreads, our_spreads) if len(real_spreads) else 0.0)

    def _spreads(self, features: FloatArray) -> FloatArray:
        """Return the spread of each session with calls enough."""
        starts = np.flatnonzero(self.held_out.first_of_session)
        calls = np.diff(starts, append=len(self.held_out))
        return np.asarray(features[starts[calls >= _SPREAD_CALLS_MIN], _SPREAD])


class _Told(NamedTuple):
    """How well a simulation is told from what was recorded.

    Attributes:
        auc: of a classifier on single calls, at least 0.5.
        spread_distance: largest difference of the distribution functions of sessions' spreads, in [0, 1].
    """

    auc: float
    spread_distance: float
