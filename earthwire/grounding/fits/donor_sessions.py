"""Gathers donor sessions: the ranks of recorded calls, session by session, for replay."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy import special

from earthwire.fault_models.laws.dependence import EXACT_SESSIONS_MIN
from earthwire.fault_models.laws.donors import RANK_STEPS, DonorRanks
from earthwire.grounding.fits.sessions import SessionFit
from earthwire.grounding.samples.rank_shares import rank_shares
from earthwire.grounding.samples.rounding import rounded
from earthwire.traces.columns.calls import Calls, FloatArray

DONORS_MAX = 4_000
"""Sessions kept; of more, every n-th by level."""


class Donors(NamedTuple):
    """Donor sessions of a profile.

    Attributes:
        levels, spreads: of each session; see `earthwire.fault_models.profile.Profile`.
        ranks: of each tool, by its name.
    """

    levels: tuple[float, ...] = ()
    spreads: tuple[float, ...] = ()
    ranks: Mapping[str, DonorRanks] = MappingProxyType({})


def donor_sessions(calls: Calls, scores: FloatArray, free: FloatArray, fit: SessionFit) -> Donors:
    """Return levels and spreads of the donor sessions, and the recorded ranks of each tool.

    Args:
        calls: calls in session order.
        scores: normal score of each call, shape (n_calls,).
        free: the same without what earlier calls say, which a session of few calls has another share of.
        fit: of all sessions.
    """
    codes, session = np.unique(calls.session, return_inverse=True)
    level = np.bincount(session, weights=free) / np.bincount(session)
    if len(codes) > DONORS_MAX:
        by_level = np.argsort(level, kind="stable")
        kept = np.sort(by_level[np.linspace(0, len(codes) - 1, DONORS_MAX).astype(np.int64)])
        rows = np.isin(session, kept)
        return donor_sessions(calls.select(rows), scores[rows], free[rows], fit)
    order = np.lexsort((np.arange(len(calls)), session, calls.tool))
    tools, starts = np.unique(calls.tool[order], return_index=True)
    ranks: dict[str, DonorRanks] = {}
    for tool, calls_of_tool in zip(tools, np.split(order, starts[1:]), strict=True):
        sessions, lengths = np.unique(session[calls_of_tool], return_counts=True)
        ranks[calls.tool_names[tool]] = DonorRanks(
            tuple(sessions.tolist()), tuple(lengths.tolist()), _steps(scores[calls_of_tool], len(sessions))
        )
    return Donors(rounded(level), rounded(fit.spread[codes]), ranks)


def _steps(scores: FloatArray, session_count: int) -> tuple[int, ...]:
    """Return the ranks of one tool's calls as steps: among its own calls where its sessions are many, else as scored.

    The first makes the tool's marginal exactly its table. From few sessions it would take the session effect out.
    """
    u = special.ndtr(scores)
    if session_count >= EXACT_SESSIONS_MIN:
        u = rank_shares(scores)
    return tuple(np.minimum((u * RANK_STEPS).astype(np.int64), RANK_STEPS - 1).tolist())
