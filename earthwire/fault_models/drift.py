"""What a profile knows of how its tools changed while they were recorded."""

import msgspec

from earthwire.fault_models.intervals import Interval


class DriftWindow(msgspec.Struct, frozen=True):
    """One stretch of the recorded time.

    Attributes:
        start_s, end_s: start times of its first and of its last session, in seconds since the epoch.
        sessions, calls: that begin in it.
        median_latency_s: of all its calls; None where they are too few.
        fault_rate: of all its calls; None where they are too few, or where outcomes were not recorded.
    """

    start_s: float
    end_s: float
    sessions: int
    calls: int
    median_latency_s: Interval | None = None
    fault_rate: Interval | None = None


class Drift(msgspec.Struct, frozen=True):
    """Whether tools changed, and how old calls were weighted because of it.

    Attributes:
        p_value: of the sessions being exchangeable in time; None where that could not be tested.
        feature: what changed most: ``latency`` or ``faults``, of one tool or of all.
        half_life_s: age at which a session counts half; None where all sessions count alike.
        gain: held-out log likelihood that the half-life gains, in nats a session; None where none was tried.
        gain_low: its lower bound at one-sided 95 %.
        sessions, kept_sessions: all sessions with a time, and those that the laws rest on.
        kept_calls: calls that the laws rest on.
        effective_sessions: ``(Σ w)² / Σ w²`` of the weights (Kish 1965): what ideal weighting would rest on.
        windows: the recorded time in stretches of as many sessions each.
        note: what was found, in one sentence.
    """

    note: str
    p_value: float | None = None
    feature: str | None = None
    half_life_s: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    sessions: int = 0
    kept_sessions: int = 0
    kept_calls: int = 0
    effective_sessions: float = 0.0
    windows: tuple[DriftWindow, ...] = ()
