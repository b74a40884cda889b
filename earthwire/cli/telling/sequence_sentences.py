"""Says in sentences how a tool's earlier calls change how long the next one takes."""

from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from earthwire.fault_models.profile import Profile, ToolLaws

_TOOLS_MAX = 20


class _Medians(NamedTuple):
    """Median latencies of one tool, in seconds."""

    first_s: float
    late_s: float
    after_fault_s: float | None


def sequence_sentences(profile: "Profile") -> Iterator[str]:
    """Yield what the first call of a tool takes beside a late one, and a call after a fault beside any other.

    Both are medians over the 20 busiest tools; nothing is said where earlier calls say nothing.
    """
    busiest_first = sorted(profile.tools.values(), key=lambda laws: -laws.calls)
    found = [
        medians for laws in busiest_first[:_TOOLS_MAX] if (medians := _medians(profile, laws)) is not None
    ]
    if not found:
        return
    first = median(one.first_s / one.late_s for one in found)
    yield f"the first call of a tool in a session takes {first:.2f} times as long as a late one"
    after_fault = [one.after_fault_s / one.late_s for one in found if one.after_fault_s is not None]
    if after_fault:
        yield f"a call after a fault of the same tool takes {median(after_fault):.2f} times as long as another"


def _medians(profile: "Profile", laws: "ToolLaws") -> _Medians | None:
    from earthwire.fault_models.laws.dependence import NO_SESSIONS, RankLaw

    law, table = laws.sequence, laws.main_latency
    if law is None or table is None:
        return None
    levels = laws.session_levels or profile.overall.session_levels or NO_SESSIONS
    ranks = RankLaw(levels, profile.dependence, law)
    return _Medians(
        table.quantile_s(ranks.rank(law.shifts[0])),
        table.quantile_s(ranks.rank(law.shifts[-1])),
        table.quantile_s(ranks.rank(law.shifts[-1] + law.fault_shift)) if law.fault_share else None,
    )
