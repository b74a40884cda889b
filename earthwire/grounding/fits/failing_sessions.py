"""Finds the sessions that fail as a whole; see `earthwire.fault_models.laws.failing_sessions`.

Sessions are taken to be of two kinds, each with its own probability of a fault by tool and by how the tool's last call
ended; the two are told apart by expectation-maximisation (Dempster, Laird and Rubin 1977). That there are two is
believed where they foresee sessions that they were not fitted to better than one kind does, beyond chance, and where
enough sessions fail.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.outcome import KAPPA, OutcomeCounts
from earthwire.grounding.counts.tally import Tally, tally
from earthwire.grounding.samples.outcome_mix import faults
from earthwire.grounding.samples.rounding import rounded
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

SESSIONS_MIN = 40
FAILING_MIN = 10
"""Sessions that have to fail: fewer may each have had a reason of its own."""
GAIN_MIN = 2.5
"""By how many standard errors two kinds of sessions must foresee others better than one."""

_STATES = 3
"""How the tool's last call ended: there was none, well, as a fault."""
_ROUNDS_MAX = 50
_CONVERGED = 1e-4
_SUSPICIOUS_Z = 2.0
"""Where the search begins: sessions with more faults than expected by so many standard deviations."""
_FOLDS = 10
_SLICE_SESSIONS = 20
_SLICES_MAX = 10
_SHARE_MAX = 0.99


class SessionKinds(NamedTuple):
    """What sessions that fail as a whole are like, beside all others.

    Attributes:
        sessions: codes of all sessions, rising.
        failing: codes of those that fail, rising.
        outcomes: which part of the outcome counts is theirs, by the code of each tool to which it is not all the same.
        usual: of the calls of all other sessions.
    """

    sessions: IntArray
    failing: IntArray
    outcomes: dict[int, OutcomeCounts]
    usual: Tally


def session_kinds(calls: Calls, counts: Tally, apart: Collection[int] = ()) -> SessionKinds | None:
    """Tell two kinds of sessions apart.

    Args:
        calls: in session order.
        counts: of all calls, of which `calls` may be a sample.
        apart: codes of tools whose faults follow laws of their own, a rate limit or a history.

    Returns:
        None where there are no two kinds of sessions.
    """
    failing = failing_sessions(calls, apart)
    if not len(failing):
        return None
    sessions = np.unique(calls.session)
    usual = tally(calls.of_sessions(np.setdiff1d(sessions, failing)))
    theirs, others = tally(calls.of_sessions(failing)).outcomes(), usual.outcomes()
    nothing = OutcomeCounts({})
    return SessionKinds(
        sessions,
        failing,
        {
            tool: _part(whole, theirs.get(tool, nothing), others.get(tool, nothing))
            for tool, whole in counts.outcomes().items()
            if tool not in apart
        },
        usual,
    )


def failing_sessions(calls: Calls, apart: Collection[int] = ()) -> IntArray:
    """Return the codes of the sessions that fail as a whole, rising; none where there are no two kinds of sessions."""
    cells = _Cells.of(calls, apart)
    nobody = np.zeros(0, dtype=np.int64)
    if cells.session_count < SESSIONS_MIN or not cells.faults.any():
        return nobody
    fails = _Kinds.fitted(cells).posterior(cells) > 0.5
    if fails.sum() < FAILING_MIN or _gain(cells) < GAIN_MIN:
        return nobody
    return cells.codes[fails]


def failing_law(kinds: SessionKinds, level: FloatArray) -> FailingSessions:
    """Return how many sessions fail, by level as far as that is known.

    Args:
        kinds: the sessions of either kind.
        level: how slow each session code is, NaN where that is not known.
    """
    sessions, failing = kinds.sessions, kinds.failing
    share = len(failing) / len(sessions)
    known = sessions[~np.isnan(level[sessions])]
    slices = min(max(len(known) // _SLICE_SESSIONS, 1), _SLICES_MAX)
    fails = np.isin(known[np.lexsort((known, level[known]))], failing)
    shares = np.array([part.mean() if len(part) else 0.0 for part in np.array_split(fails, slices)])
    # Failing sessions are often too short for a level: the share of all is that of all sessions.
    shares = np.minimum(shares * share / shares.mean(), _SHARE_MAX) if shares.any() else np.array([share])
    return FailingSessions(len(sessions), len(failing), rounded(shares, 4))


def _part(whole: OutcomeCounts, theirs: OutcomeCounts, others: OutcomeCounts) -> OutcomeCounts:
    """Return as large a part of each of the counts as is theirs in the sample that both make up."""
    after: dict[str, dict[str, int]] = {}
    for previous, counts in theirs.after.items():
        of_others, of_all = others.after.get(previous, {}), whole.after.get(previous, {})
        after[previous] = {
            kind: round(of_all.get(kind, 0) * count / (count + of_others.get(kind, 0)))
            for kind, count in counts.items()
        }
    return OutcomeCounts(after)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Calls and faults by session, tool and how the tool's last call ended, each of shape (n_cells,).

    Attributes:
        codes: of the sessions, rising, shape (n_sessions,).
        session: position of the session in them.
        place: tool code times `_STATES` plus how its last call ended.
        calls, faults: how many.
        place_count: how many places there are.
    """

    codes: IntArray
    session: IntArray
    place: IntArray
    calls: FloatArray
    faults: FloatArray
    place_count: int

    @classmethod
    def of(cls, calls: Calls, apart: Collection[int]) -> "_Cells":
        calls = calls.ended_by_tools()
        calls = calls.select(~np.isin(calls.tool, list(apart)))
        order = calls.by_tool_in_session
        codes, session = np.unique(calls.session[order], return_inverse=True)
        tool, bad = calls.tool[order], faults(calls)[order]
        state = np.zeros(len(order), dtype=np.int64)
        follows = (tool[1:] == tool[:-1]) & (session[1:] == session[:-1])
        state[1:] = np.where(follows, 1 + bad[:-1], 0)
        place_count = len(calls.tool_names) * _STATES
        cells, position = np.unique(session * place_count + tool * _STATES + state, return_inverse=True)
        return cls(
            codes,
            cells // place_count,
            cells % place_count,
            np.bincount(position).astype(float),
            np.bincount(position, bad).astype(float),
            place_count,
        )

    @property
    def session_count(self) -> int:
        """Number of sessions."""
        return len(self.codes)

    def of_sessions(self, chosen: BoolArray) -> "_Cells":
        """Return the cells of some sessions, shape (n_sessions,), whose positions begin from 0 again."""
        rows = chosen[self.session]
        return _Cells(
            self.codes[chosen],
            (np.cumsum(chosen) - 1)[self.session[rows]],
            self.place[rows],
            self.calls[rows],
            self.faults[rows],
            self.place_count,
        )

    def by_session(self, values: FloatArray) -> FloatArray:
        """Return the sums of values, shape (n_cells,), over each session."""
        return np.asarray(np.bincount(self.session, values, self.session_count), dtype=float)

    def probabilities(self, weight: FloatArray) -> FloatArray:
        """Return the probability of a fault at each place, of sessions with these weights, shape (n_places,).

        It backs off to that of all tools after the same ending, as `earthwire.fault_models.laws.outcome` does.
        """
        of_cell = weight[self.session]
        calls = np.bincount(self.place, of_cell * self.calls, self.place_count)
        bad = np.bincount(self.place, of_cell * self.faults, self.place_count)
        by_state = (bad.reshape(-1, _STATES).sum(axis=0) + 0.5) / (
            calls.reshape(-1, _STATES).sum(axis=0) + 1.0
        )
        prior = np.tile(by_state, self.place_count // _STATES)
        return np.asarray((bad + KAPPA * prior) / (calls + KAPPA))

    def log_likelihood(self, probabilities: FloatArray) -> FloatArray:
        """Return that of each session, shape (n_sessions,)."""
        p = probabilities[self.place]
        return self.by_session(self.faults * np.log(p) + (self.calls - self.faults) * np.log1p(-p))


class _Kinds(NamedTuple):
    """Two kinds of sessions.

    Attributes:
        share: of the failing ones.
        failing, usual: probability of a fault at each place, shape (n_places,).
    """

    share: float
    failing: FloatArray
    usual: FloatArray

    @classmethod
    def fitted(cls, cells: _Cells) -> "_Kinds":
        """Tell two kinds of sessions apart, beginning with those that have suspiciously many faults."""
        p = cells.probabilities(np.ones(cells.session_count))[cells.place]
        expected, variance = cells.by_session(cells.calls * p), cells.by_session(cells.calls * p * (1.0 - p))
        z = (cells.by_session(cells.faults) - expected) / np.sqrt(variance)
        posterior = np.where(z > _SUSPICIOUS_Z, 0.99, 0.01)
        for _ in range(_ROUNDS_MAX):
            kinds = cls(
                float(np.clip(posterior.mean(), 1e-6, 1.0 - 1e-6)),
                cells.probabilities(posterior),
                cells.probabilities(1.0 - posterior),
            )
            before, posterior = posterior, kinds.posterior(cells)
            if np.abs(posterior - before).max() < _CONVERGED:
                break
        return kinds

    def posterior(self, cells: _Cells) -> FloatArray:
        """Return the probability that each session fails as a whole, shape (n_sessions,)."""
        odds = cells.log_likelihood(self.failing) - cells.log_likelihood(self.usual)
        return np.asarray(special.expit(special.logit(self.share) + odds), dtype=float)

    def log_likelihood(self, cells: _Cells) -> FloatArray:
        """Return that of each session, shape (n_sessions,)."""
        likelihood: FloatArray = np.logaddexp(
            np.log(self.share) + cells.log_likelihood(self.failing),
            np.log1p(-self.share) + cells.log_likelihood(self.usual),
        )
        return likelihood


def _gain(cells: _Cells) -> float:
    """Return by how many standard errors two kinds foresee sessions that were held out better than one does."""
    fold = np.arange(cells.session_count) % _FOLDS
    gain = np.empty(cells.session_count)
    for i in range(_FOLDS):
        fitted, others = cells.of_sessions(fold != i), cells.of_sessions(fold == i)
        one = fitted.probabilities(np.ones(fitted.session_count))
        gain[fold == i] = _Kinds.fitted(fitted).log_likelihood(others) - others.log_likelihood(one)
    error = float(gain.std()) / len(gain) ** 0.5
    return float(gain.mean() / error) if error else 0.0
