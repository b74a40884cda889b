"""A tool among its siblings: whose laws speak where its own calls are too few.

Outcome counts back off along the groups of `grouping.ancestors`. A latency law that a tool lacks is adopted from one
well-supported sibling, the same one for ever, chosen by a hash of the tool's name: a mixture of all siblings would be
broader than any real tool is. A sibling from afar lends how far off it is from what its own groups let expect.
"""

import hashlib
import math
from bisect import insort
from collections.abc import Sequence

import msgspec

from earthwire.fault_models.grouping import ancestors, upstream
from earthwire.fault_models.laws.failing_sessions import FailingEpisodes
from earthwire.fault_models.laws.latency import LatencyTable
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.laws.outcome_path import AS_RECORDED, FaultRules, OutcomeModel
from earthwire.fault_models.laws.payload import NO_PAYLOAD_LAW, PayloadLaw
from earthwire.fault_models.laws.slots import fill
from earthwire.fault_models.plan import Support
from earthwire.fault_models.profile import ErrorResponse, Profile, ToolLaws
from earthwire.fault_models.siblings.group_means import GroupMeans
from earthwire.fault_models.siblings.outcome_levels import OutcomeLevels, failing_counts, usual_counts
from earthwire.fault_models.siblings.rank_sources import OpenRanks, RankSources
from earthwire.fault_models.steps.pace import DRIP_S, SLOW_DRIP

SIBLINGS_MIN = 3
"""A group with fewer well-supported siblings is passed over for the next larger one."""

REFUSALS = ("http_4xx:429", "http_4xx:401", "http_4xx:403")
"""Outcome kinds that a gateway answers before any work is done."""
REFUSAL_SHARE = 0.1
"""Part of a tool's good calls, the fastest, that a refusal is taken to be as fast as where none was timed."""

_ALL = ""


class ToolModel:
    """The laws of one tool, resolved for drawing.

    Attributes:
        outcomes: opens the outcomes of an episode.
        ranks: makes the source of its ranks in one episode, from a uniform of the episode and two of the tool in it.
        first_byte: its own law of the first byte or that of all tools; None where unknown.
        error_first_byte: that of answers with an error status; where these are too few, the one of all answers.
        resolution_s: step of the recorder's clock.
        payload: its own payload law or that of all tools.
        stream: how its streamed responses come; of an unknown tool that of all tools; None where none was recorded.
    """

    __slots__ = (
        "_family",
        "_latency",
        "_laws",
        "_name",
        "_responses",
        "error_first_byte",
        "first_byte",
        "outcomes",
        "payload",
        "ranks",
        "resolution_s",
        "stream",
    )

    def __init__(
        self,
        name: str,
        laws: ToolLaws | None,
        family: "Family",
        outcomes: OutcomeModel,
        ranks: OpenRanks,
    ) -> None:
        self._name = name
        self._laws = laws
        self._family = family
        self._latency: dict[str, LatencyTable | None] = {}
        self._responses: dict[str, tuple[ErrorResponse, ...]] = {}
        self.payload = family.payload_law(laws)
        self.outcomes = outcomes
        self.ranks = ranks
        overall, own = family.profile.overall, laws or family.profile.overall
        self.first_byte = own.first_byte or overall.first_byte
        self.error_first_byte = own.error_first_byte or overall.error_first_byte or self.first_byte
        self.resolution_s = own.resolution_s
        self.stream = own.stream

    def latency(self, kind: str) -> LatencyTable | None:
        """Return the latency table of an outcome kind, its own or adopted; None if there is none at all."""
        if kind not in self._latency:
            own = self._laws.latency.get(kind) if self._laws is not None else None
            self._latency[kind] = own or self._family.adopted_latency(self._name, kind)
        return self._latency[kind]

    def response(self, kind: str, u: float, target: str) -> ErrorResponse | None:
        """Return a recorded response of `kind`, its own or a sibling's, with fresh values; None if there is none.

        Args:
            kind: outcome kind.
            u: in (0, 1); chooses in proportion to the counts, and decides the fresh values.
            target: path and query of the request, for what a response repeats of it.
        """
        responses = self._responses.get(kind)
        if responses is None:
            own = self._laws.responses.get(kind) if self._laws is not None else None
            responses = self._responses[kind] = own or self._family.adopted_responses(self._name, kind)
        return filled(_pick(responses, u), u, target) if responses else None


class Family:
    """All tools of a profile with their groups.

    Args:
        profile: the laws.
        rules: what a run makes of their faults.
    """

    def __init__(self, profile: Profile, rules: FaultRules = AS_RECORDED) -> None:
        self.profile = profile
        self._rules = rules
        self._members: dict[str, list[str]] = {_ALL: sorted(profile.tools)}
        for name in self._members[_ALL]:
            for group in ancestors(name):
                self._members.setdefault(group, []).append(name)
        self._outcome_levels = OutcomeLevels(profile, self._members, usual_counts)
        self._failing_levels = OutcomeLevels(profile, self._members, failing_counts)
        self._ranks = RankSources(profile, self._members, _ALL)
        self._level_means: dict[str, GroupMeans] = {}
        failing = profile.failing_sessions
        self._failing_episodes = None if failing is None else FailingEpisodes(failing, self._ranks.place)

    def model(self, tool: str) -> ToolModel:
        """Return the resolved laws of a tool, known or not."""
        laws = self.profile.tools.get(tool)
        regime, limit = (laws.regime, laws.rate_limit) if laws is not None else (None, None)
        upstream_regime = self.profile.upstreams.get(upstream(tool))
        outcomes = OutcomeModel(
            tool,
            self._outcome_levels.of(tool),
            regime,
            limit,
            upstream_regime,
            self._rules,
            self._failing(tool, laws),
        )
        return ToolModel(tool, laws, self, outcomes, self._ranks.of(tool, outcomes))

    def _failing(
        self, tool: str, laws: ToolLaws | None
    ) -> tuple[FailingEpisodes, Sequence[OutcomeCounts]] | None:
        """Return which episodes fail and how a tool does so in them; None where that is all the same to it."""
        if self._failing_episodes is None or (laws is not None and laws.failing_outcomes is None):
            return None
        return self._failing_episodes, self._failing_levels.of(tool)

    def adopted_latency(self, tool: str, kind: str) -> LatencyTable | None:
        """Return the table that stands in for one that a tool lacks."""
        if kind in REFUSALS:
            return self._refusal_latency(tool, kind)
        recorded = self._siblings_latency(tool, kind)
        if recorded is not None:
            return recorded
        good = self._good_latency(tool)
        return good.later(DRIP_S) if kind == SLOW_DRIP and good is not None else good

    def _refusal_latency(self, tool: str, kind: str) -> LatencyTable | None:
        """Return how long a refusal takes that was never timed: as other refusals, else as the fastest calls.

        Whoever refuses does not do the work: served as slow as good calls, refusals would be unlike any real ones.
        """
        laws = self.profile.tools.get(tool)
        own = laws.latency if laws is not None else {}
        for wanted in (kind, *(other for other in REFUSALS if other != kind)):
            table = own.get(wanted) or self._siblings_latency(tool, wanted)
            if table is not None:
                return table if wanted == kind else _lent(table, "assumed")
        good = self._good_latency(tool)
        return None if good is None else good.fastest(REFUSAL_SHARE)

    def _good_latency(self, tool: str) -> LatencyTable | None:
        """Return how long good calls of a tool take, as far as it has any latencies, else those of its siblings."""
        laws = self.profile.tools.get(tool)
        own = laws.latency if laws is not None else {}
        for wanted in ("ok", "unknown"):
            if (table := own.get(wanted) or self._siblings_latency(tool, wanted)) is not None:
                return table
        return None

    def _siblings_latency(self, tool: str, kind: str) -> LatencyTable | None:
        for group in (*ancestors(tool), _ALL):
            siblings = self._supported(group, kind)
            if len(siblings) >= SIBLINGS_MIN:
                chosen = siblings[_hash(tool) % len(siblings)]
                support: Support = "global" if group == _ALL else "server"
                table = self.profile.tools[chosen].latency[kind]
                return _lent(table.scaled(self._expected_ratio(tool, chosen, kind)), support)
        return self.profile.overall.latency.get(kind)

    def _expected_ratio(self, tool: str, sibling: str, kind: str) -> float:
        """Return how many times as long as a sibling a tool is expected to take, going by their groups."""
        means = self._level_means.get(kind)
        if means is None:
            means = self._level_means[kind] = GroupMeans(
                {
                    name: (laws.latency[kind].mean_log_s(), max(laws.sessions, 1))
                    for name, laws in self.profile.tools.items()
                    if kind in laws.latency
                }
            )
        expected = means.expected(ancestors(tool), 0.0, without=sibling)
        return math.exp(expected - means.expected(ancestors(sibling), 0.0, without=sibling))

    def adopted_responses(self, tool: str, kind: str) -> tuple[ErrorResponse, ...]:
        """Return what the nearest siblings on the same server answered; nothing if none of them has that kind."""
        tools = self.profile.tools
        for group in ancestors(tool):
            members = self._members.get(group, ())
            if found := tuple(one for name in members for one in tools[name].responses.get(kind, ())):
                return found
        return ()

    def payload_law(self, laws: ToolLaws | None) -> PayloadLaw:
        """Return a tool's payload law; where it has no headers of its own, those of all tools."""
        overall = self.profile.overall.payload
        if laws is None or laws.payload == NO_PAYLOAD_LAW:
            return overall
        if laws.payload.header_count:
            return laws.payload
        return msgspec.structs.replace(
            laws.payload, headers=overall.headers, header_count=overall.header_count
        )

    def _supported(self, group: str, kind: str) -> list[str]:
        """Return the members of a group with a latency law of their own for `kind`."""
        tools = self.profile.tools
        found: list[str] = []
        for name in self._members.get(group, ()):
            table = tools[name].latency.get(kind)
            if table is not None and table.support == "tool":
                insort(found, name)
        return found


def _lent(table: LatencyTable, support: Support) -> LatencyTable:
    return LatencyTable(0, table.quantiles_s, table.censored_count, support, table.extrapolation)


def _hash(tool: str) -> int:
    return int.from_bytes(hashlib.blake2b(tool.encode(), digest_size=8).digest())


def filled(response: ErrorResponse, u: float, target: str) -> ErrorResponse:
    """Return a response with a value in the place of every slot."""
    if not response.slots:
        return response
    texts = fill({**response.headers, "": response.body}, response.slots, u, target)
    body = texts.pop("")
    return msgspec.structs.replace(response, body=body, headers=texts, slots={})


def _pick(responses: tuple[ErrorResponse, ...], u: float) -> ErrorResponse:
    left = u * sum(response.count for response in responses)
    for response in responses:
        left -= response.count
        if left < 0:
            return response
    return responses[-1]
