"""The profile: every law of every tool, as values. Reading and writing it as YAML is `earthwire.config`'s job."""

import hashlib
from functools import cache

import msgspec

from earthwire.fault_models.drift import Drift
from earthwire.fault_models.intervals import Intervals
from earthwire.fault_models.laws.dependence import Dependence, SessionLevels
from earthwire.fault_models.laws.donors import DonorRanks
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.first_byte import FirstByteLaw
from earthwire.fault_models.laws.latency import LatencyTable
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.laws.payload import NO_PAYLOAD_LAW, PayloadLaw
from earthwire.fault_models.laws.rate_limit import RateLimit
from earthwire.fault_models.laws.regime import RegimeLaw, UpstreamRegime
from earthwire.fault_models.laws.sequence import SequenceLaw
from earthwire.fault_models.laws.slots import Slot
from earthwire.fault_models.laws.stream import StreamLaw


class ErrorResponse(msgspec.Struct, frozen=True):
    """A recorded (and redacted) response of one outcome kind, to answer with when that kind is drawn.

    Attributes:
        count: calls that ended with it.
        status: HTTP status code.
        content_type: value of its Content-Type header, or None.
        body: text of the body, redacted, with ``{{name}}`` in the place of each slot.
        headers: further headers by name, without Content-Type and Content-Length, with slots as in the body. An
            empty ``date`` is sent as the time of sending.
        slots: by name; see `earthwire.fault_models.laws.slots`.
    """

    count: int
    status: int
    content_type: str | None = None
    body: str = ""
    headers: dict[str, str] = {}
    slots: dict[str, Slot] = {}


class ToolLaws(msgspec.Struct, frozen=True):
    """The laws of one tool, or of all tools taken together.

    Attributes:
        calls, sessions: how many calls and sessions they rest on.
        outcomes: counts of outcome kinds by previous outcome.
        failing_outcomes: those of them that are from sessions that failed as a whole; None where that is all the same
            to the tool, and where the profile knows no such sessions.
        latency: table for each outcome kind that was seen with a latency.
        session_levels: how fast and how steady the sessions were that used the tool; None where they are too few.
        donor_ranks: recorded ranks of its calls, where the profile replays donor sessions.
        first_byte: share of the latency until the first byte; None where unknown or as for all tools.
        error_first_byte: the same of answers with an error status; None where they are too few to differ.
        stream: how its streamed responses come; None where none was recorded.
        resolution_s: step of the recorder's clock, reproduced in what is drawn; 0 for none.
        responses: recorded responses for each outcome kind.
        regime: when it fails, where that is more than what came last can tell.
        rate_limit: its quota, where one was found.
        payload: what its bodies look like and how they break.
        sequence: how its latency follows from its earlier calls in the episode; None where it does not, or, without
            session levels of its own, as for all tools.
    """

    calls: int
    sessions: int
    outcomes: OutcomeCounts
    latency: dict[str, LatencyTable]
    session_levels: SessionLevels | None = None
    donor_ranks: DonorRanks | None = None
    first_byte: FirstByteLaw | None = None
    error_first_byte: FirstByteLaw | None = None
    resolution_s: float = 0.0
    responses: dict[str, tuple[ErrorResponse, ...]] = {}
    regime: RegimeLaw | None = None
    rate_limit: RateLimit | None = None
    payload: PayloadLaw = NO_PAYLOAD_LAW
    stream: StreamLaw | None = None
    sequence: SequenceLaw | None = None
    failing_outcomes: OutcomeCounts | None = None

    @property
    def main_latency(self) -> LatencyTable | None:
        """The latency table with most calls behind it; None where no latency is known."""
        return max(self.latency.values(), key=lambda table: table.count, default=None)

    @property
    def fault_share(self) -> float | None:
        """Share of the calls that failed; None where outcomes are not known."""
        return None if set(self.outcomes.total) <= {"unknown"} else self.outcomes.fault_share()


class Source(msgspec.Struct, frozen=True):
    """One file of traces that a profile was learned from.

    Attributes:
        name: file name, without its folder.
        format: of the traces.
        sha256: of the file's bytes, hex.
        calls: records read from it.
    """

    name: str
    format: str
    sha256: str
    calls: int


class Provenance(msgspec.Struct, frozen=True):
    """Where a profile comes from.

    Attributes:
        sources: files of traces.
        calls, sessions: how many were used.
        window: first and last start time of the calls, ISO 8601 in UTC, or None where times are unknown.
        split: which sessions were used: ``all`` or a description.
        latency_measure: ``duration`` (to the last byte) or ``ttfb`` (to the first).
        cannot_tell: what the sources cannot say, so that the profile does not say it either.
        licence: of the traces, as far as it is known.
        corrections: how many times the tables were corrected by a recording of what was served.
    """

    sources: tuple[Source, ...] = ()
    calls: int = 0
    sessions: int = 0
    window: tuple[str, str] | None = None
    split: str = "all"
    latency_measure: str = "duration"
    cannot_tell: tuple[str, ...] = ()
    licence: str | None = None
    corrections: int = 0


class Profile(msgspec.Struct, frozen=True):
    """All laws of all tools, learned from traces.

    Attributes:
        tools: laws by tool key.
        overall: laws of all calls together.
        dependence: how the calls of one episode hang together.
        provenance: where it comes from.
        donor_levels: mean normal score of each donor session; empty where the compact engine is used.
        donor_spreads: how far its scores scatter about that, by donor session; empty where that is not known.
        upstreams: when each upstream was bad, by `earthwire.fault_models.grouping.upstream`; for the wall clock.
        intervals: how sure the parameters are; None where that was not computed.
        drift: how tools changed while they were recorded; None where that was not asked.
        failing_sessions: how many sessions failed as a whole; None where that is not how tools fail.
    """

    tools: dict[str, ToolLaws]
    overall: ToolLaws
    dependence: Dependence = Dependence()
    provenance: Provenance = Provenance()
    donor_levels: tuple[float, ...] = ()
    donor_spreads: tuple[float, ...] = ()
    upstreams: dict[str, UpstreamRegime] = {}
    intervals: Intervals | None = None
    drift: Drift | None = None
    failing_sessions: FailingSessions | None = None


_NO_LAWS = ("intervals", "drift")
"""Fields of a profile that say how sure it is, not how tools behave."""


def profile_hash(profile: Profile) -> str:
    """Return 16 hex digits that identify the laws of a profile, whatever file they came from and however sure.

    A field at its default counts like one that nobody had thought of, so that laws with more fields keep old hashes.
    """
    values = _changed_fields(msgspec.structs.replace(profile, **dict.fromkeys(_NO_LAWS)))
    return hashlib.blake2b(msgspec.msgpack.encode(values, order="deterministic"), digest_size=8).hexdigest()


def _changed_fields(value: object) -> object:
    """Return a value with a dictionary in the place of each struct, of the fields that are not at their default."""
    match value:
        case msgspec.Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            defaults = _defaults(type(value))
            changed = {
                name: _changed_fields(own)
                for name, own in fields.items()
                if name not in defaults or own != defaults[name]
            }
            return {"": type(value).__name__, **changed}
        case dict():
            return {key: _changed_fields(own) for key, own in value.items()}
        case tuple() if value and isinstance(value[0], msgspec.Struct):
            return [_changed_fields(own) for own in value]
        case _:
            return value


@cache
def _defaults(struct: type[msgspec.Struct]) -> dict[str, object]:
    """Return the default of each field that has one."""
    defaults: dict[str, object] = {}
    for field in msgspec.structs.fields(struct):
        if field.default is not msgspec.NODEFAULT:
            defaults[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = field.default_factory()
    return defaults
