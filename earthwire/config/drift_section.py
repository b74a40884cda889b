"""The part of a profile file that says how its tools changed while they were recorded."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from earthwire.config.interval_sections import IntervalSection, interval, interval_section
from earthwire.config.located_yaml import Section
from earthwire.fault_models.drift import Drift, DriftWindow

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]

_NUMBERS = ("p_value", "half_life_s", "gain", "gain_low")


class DriftWindowSection(Section):
    """One stretch of the recorded time, from the begin of its first session to that of its last one."""

    begin: datetime
    end: datetime
    sessions: Count
    calls: Count
    median_latency_s: IntervalSection | None = None
    fault_rate: IntervalSection | None = None


class DriftSection(Section):
    """Whether tools changed, and how old sessions were weighted because of it."""

    note: str
    p_value: Probability | None = None
    feature: str | None = None
    half_life_s: Annotated[float, Field(gt=0.0)] | None = None
    gain: float | None = None
    gain_low: float | None = None
    sessions: Count = 0
    kept_sessions: Count = 0
    kept_calls: Count = 0
    effective_sessions: Annotated[float, Field(ge=0.0)] = 0.0
    windows: list[DriftWindowSection] = []


def drift(section: DriftSection) -> Drift:
    """Return what a section says of drift."""
    values = {name: getattr(section, name) for name in DriftSection.model_fields if name != "windows"}
    return Drift(**values, windows=tuple(map(_window, section.windows)))


def drift_section(found: Drift) -> dict[str, object]:
    """Return drift as it is written, without what is not known; times to the second, numbers to 5 digits."""
    section: dict[str, object] = {"note": found.note, "sessions": found.sessions}
    if found.p_value is not None:
        section |= {
            "feature": found.feature,
            "kept_sessions": found.kept_sessions,
            "kept_calls": found.kept_calls,
            "effective_sessions": float(f"{found.effective_sessions:.5g}"),
        }
    for name in _NUMBERS:
        value = getattr(found, name)
        if value is not None:
            section[name] = float(f"{value:.5g}")
    if found.windows:
        section["windows"] = [_window_section(window) for window in found.windows]
    return section


def _window(section: DriftWindowSection) -> DriftWindow:
    return DriftWindow(
        start_s=section.begin.timestamp(),
        end_s=section.end.timestamp(),
        sessions=section.sessions,
        calls=section.calls,
        median_latency_s=None if section.median_latency_s is None else interval(section.median_latency_s),
        fault_rate=None if section.fault_rate is None else interval(section.fault_rate),
    )


def _window_section(window: DriftWindow) -> dict[str, object]:
    section: dict[str, object] = {
        "begin": datetime.fromtimestamp(window.start_s, UTC).replace(microsecond=0),
        "end": datetime.fromtimestamp(window.end_s, UTC).replace(microsecond=0),
        "sessions": window.sessions,
        "calls": window.calls,
    }
    for name, value in (("median_latency_s", window.median_latency_s), ("fault_rate", window.fault_rate)):
        if value is not None:
            section[name] = interval_section(value)
    return section
