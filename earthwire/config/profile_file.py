"""The profile as a YAML file: readable, diffable, every number beside the count that it rests on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import yaml
from pydantic import Field, model_validator

from earthwire.config.dependence_sections import (
    Count,
    DependenceSection,
    DonorRanksSection,
    Score,
    SequenceSection,
    SessionLevelsSection,
    Spread,
    dependence_law,
    dependence_section,
    donor_ranks,
    donor_ranks_section,
    levels_section,
    sequence_law,
    sequence_section,
    session_levels,
)
from earthwire.config.drift_section import DriftSection, drift, drift_section
from earthwire.config.failure_sections import (
    FailingSessionsSection,
    RateLimitSection,
    RegimeSection,
    UpstreamSection,
    check_part,
    failing_sessions,
    failing_sessions_section,
    rate_limit,
    rate_limit_section,
    regime_law,
    regime_section,
    upstream_regime,
    upstream_section,
)
from earthwire.config.interval_sections import IntervalsSection, intervals, intervals_section
from earthwire.config.latency_sections import (
    FirstByteSection,
    LatencySection,
    first_byte_law,
    first_byte_section,
    latency_table,
    milliseconds,
    table_section,
)
from earthwire.config.located_yaml import Section, read_yaml
from earthwire.config.payload_sections import (
    PayloadSection,
    ResponseSection,
    error_response,
    payload_law,
    payload_section,
    response_section,
)
from earthwire.config.stream_section import StreamSection, stream_law, stream_section
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.laws.payload import NO_PAYLOAD_LAW
from earthwire.fault_models.profile import Profile, Provenance, Source, ToolLaws

if TYPE_CHECKING:
    from yaml import SafeDumper as _SafeDumper
else:
    _SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

FORMAT_VERSION = 1

_HEAD = "# An earthwire profile: how tools behaved in the traces named below. `earthwire show` prints it.\n"


class _Dumper(_SafeDumper):
    """Writes a value that occurs twice out twice, since aliases are refused on reading."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class LawsSection(Section):
    """The laws of one tool, or of all tools together."""

    calls: Count
    sessions: Count
    outcomes_after: dict[str, dict[str, Count]]
    failing_outcomes_after: dict[str, dict[str, Count]] | None = None
    latency: dict[str, LatencySection]
    session_levels: SessionLevelsSection | None = None
    donor_ranks: DonorRanksSection | None = None
    sequence: SequenceSection | None = None
    first_byte: FirstByteSection | None = None
    error_first_byte: FirstByteSection | None = None
    stream: StreamSection | None = None
    resolution_ms: Annotated[float, Field(ge=0.0, le=1e9)] = 0.0
    responses: dict[str, list[ResponseSection]] = {}
    regime: RegimeSection | None = None
    rate_limit: RateLimitSection | None = None
    payload: PayloadSection | None = None

    @model_validator(mode="after")
    def _failing_is_a_part(self) -> Self:
        check_part(self.outcomes_after, self.failing_outcomes_after or {})
        return self


class SourceSection(Section):
    """One file of traces."""

    name: str
    format: str
    sha256: str
    calls: Count


class ProvenanceSection(Section):
    """Where the profile comes from."""

    sources: list[SourceSection] = []
    calls: Count = 0
    sessions: Count = 0
    window: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    split: str = "all"
    latency_measure: Literal["duration", "ttfb"] = "duration"
    cannot_tell: list[str] = []
    licence: str | None = None
    corrections: Count = 0


class ProfileFile(Section):
    """A whole profile file."""

    earthwire_profile: Literal[1]
    provenance: ProvenanceSection = ProvenanceSection()
    dependence: DependenceSection = DependenceSection()
    overall: LawsSection
    tools: dict[str, LawsSection]
    donor_levels: list[Score] = []
    donor_spreads: list[Spread] = []
    upstreams: dict[str, UpstreamSection] = {}
    intervals: IntervalsSection | None = None
    drift: DriftSection | None = None
    failing_sessions: FailingSessionsSection | None = None

    @model_validator(mode="after")
    def _failing_sessions_are_counted(self) -> Self:
        if (self.failing_sessions is None) != (self.overall.failing_outcomes_after is None):
            raise ValueError(
                "failing_sessions and failing_outcomes_after of overall come together: how many sessions fail as a "
                "whole, and what their calls end as"
            )
        return self

    @model_validator(mode="after")
    def _donors_exist(self) -> Self:
        for name, laws in self.tools.items():
            if laws.donor_ranks is not None and max(laws.donor_ranks.sessions, default=-1) >= len(
                self.donor_levels
            ):
                raise ValueError(
                    f"donor_ranks of {name!r} name a session beyond the {len(self.donor_levels)} donor_levels"
                )
        if self.donor_spreads and len(self.donor_spreads) != len(self.donor_levels):
            raise ValueError(
                f"{len(self.donor_levels)} donor_levels but {len(self.donor_spreads)} donor_spreads: "
                "there is one each, or none at all"
            )
        return self


def read_profile(path: Path) -> Profile:
    """Read and validate a profile.

    Raises:
        FileError: naming file, line and column of every problem.
    """
    file = read_yaml(path, ProfileFile)
    provenance = file.provenance
    return Profile(
        tools={name: _laws(section) for name, section in file.tools.items()},
        overall=_laws(file.overall),
        dependence=dependence_law(file.dependence),
        donor_levels=tuple(file.donor_levels),
        donor_spreads=tuple(file.donor_spreads),
        upstreams={name: upstream_regime(section) for name, section in file.upstreams.items()},
        intervals=None if file.intervals is None else intervals(file.intervals),
        drift=None if file.drift is None else drift(file.drift),
        failing_sessions=None if file.failing_sessions is None else failing_sessions(file.failing_sessions),
        provenance=Provenance(
            sources=tuple(Source(**source.model_dump()) for source in provenance.sources),
            calls=provenance.calls,
            sessions=provenance.sessions,
            window=None if provenance.window is None else (provenance.window[0], provenance.window[1]),
            split=provenance.split,
            latency_measure=provenance.latency_measure,
            cannot_tell=tuple(provenance.cannot_tell),
            licence=provenance.licence,
            corrections=provenance.corrections,
        ),
    )


def profile_text(profile: Profile) -> str:
    """Return the profile as YAML; reading it back gives the same profile, its times to 6 significant digits."""
    provenance = profile.provenance
    data = {
        "earthwire_profile": FORMAT_VERSION,
        "provenance": {
            "sources": [
                {"name": s.name, "format": s.format, "sha256": s.sha256, "calls": s.calls}
                for s in provenance.sources
            ],
            "calls": provenance.calls,
            "sessions": provenance.sessions,
            "window": None if provenance.window is None else list(provenance.window),
            "split": provenance.split,
            "latency_measure": provenance.latency_measure,
            "cannot_tell": list(provenance.cannot_tell),
            "licence": provenance.licence,
            **({"corrections": provenance.corrections} if provenance.corrections else {}),
        },
        "dependence": dependence_section(profile.dependence),
        **(
            {"failing_sessions": failing_sessions_section(profile.failing_sessions)}
            if profile.failing_sessions is not None
            else {}
        ),
        "overall": _section(profile.overall),
        "tools": {name: _section(laws) for name, laws in sorted(profile.tools.items())},
    }
    if profile.donor_levels:
        data["donor_levels"] = list(profile.donor_levels)
    if profile.donor_spreads:
        data["donor_spreads"] = list(profile.donor_spreads)
    if profile.upstreams:
        data["upstreams"] = {
            name: upstream_section(regime) for name, regime in sorted(profile.upstreams.items())
        }
    if profile.drift is not None:
        data["drift"] = drift_section(profile.drift)
    if profile.intervals is not None:
        data["intervals"] = intervals_section(profile.intervals)
    # With default_flow_style None the innermost collections are written on one line, the others as blocks.
    return _HEAD + yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )


def _laws(section: LawsSection) -> ToolLaws:
    return ToolLaws(
        calls=section.calls,
        sessions=section.sessions,
        outcomes=OutcomeCounts(section.outcomes_after),
        failing_outcomes=(
            None if section.failing_outcomes_after is None else OutcomeCounts(section.failing_outcomes_after)
        ),
        latency={kind: latency_table(table) for kind, table in section.latency.items()},
        session_levels=None if section.session_levels is None else session_levels(section.session_levels),
        donor_ranks=None if section.donor_ranks is None else donor_ranks(section.donor_ranks),
        first_byte=first_byte_law(section.first_byte),
        error_first_byte=first_byte_law(section.error_first_byte),
        resolution_s=section.resolution_ms / 1e3,
        responses={
            kind: tuple(map(error_response, responses)) for kind, responses in section.responses.items()
        },
        regime=None if section.regime is None else regime_law(section.regime),
        rate_limit=None if section.rate_limit is None else rate_limit(section.rate_limit),
        payload=NO_PAYLOAD_LAW if section.payload is None else payload_law(section.payload),
        stream=None if section.stream is None else stream_law(section.stream),
        sequence=None if section.sequence is None else sequence_law(section.sequence),
    )


def _section(laws: ToolLaws) -> dict[str, object]:
    section: dict[str, object] = {"calls": laws.calls, "sessions": laws.sessions}
    section["outcomes_after"] = _counts_section(laws.outcomes)
    if laws.failing_outcomes is not None:
        section["failing_outcomes_after"] = _counts_section(laws.failing_outcomes)
    section["latency"] = {kind: table_section(table) for kind, table in sorted(laws.latency.items())}
    if laws.session_levels is not None:
        section["session_levels"] = levels_section(laws.session_levels)
    if laws.donor_ranks is not None:
        section["donor_ranks"] = donor_ranks_section(laws.donor_ranks)
    if laws.sequence is not None:
        section["sequence"] = sequence_section(laws.sequence)
    for name in ("first_byte", "error_first_byte"):
        if (law := getattr(laws, name)) is not None:
            section[name] = first_byte_section(law)
    if laws.stream is not None:
        section["stream"] = stream_section(laws.stream)
    if laws.resolution_s:
        section["resolution_ms"] = milliseconds(laws.resolution_s)
    if laws.responses:
        section["responses"] = {
            kind: [response_section(response) for response in responses]
            for kind, responses in sorted(laws.responses.items())
        }
    if laws.regime is not None:
        section["regime"] = regime_section(laws.regime)
    if laws.rate_limit is not None:
        section["rate_limit"] = rate_limit_section(laws.rate_limit)
    if laws.payload != NO_PAYLOAD_LAW:
        section["payload"] = payload_section(laws.payload)
    return section


def _counts_section(counts: OutcomeCounts) -> dict[str, dict[str, int]]:
    return {previous: dict(sorted(kinds.items())) for previous, kinds in sorted(counts.after.items())}
