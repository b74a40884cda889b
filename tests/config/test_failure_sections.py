from pathlib import Path

import msgspec
import pytest

from earthwire.config.located_yaml import FileError
from earthwire.config.profile_file import profile_text, read_profile
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.laws.rate_limit import RateLimit
from earthwire.fault_models.laws.regime import AgeHazards, HazardCounts, RunHistory, UpstreamRegime
from earthwire.fault_models.profile import Profile, ToolLaws

LAWS = ToolLaws(9, 1, OutcomeCounts({"start": {"ok": 9}}), {})
HAZARDS = AgeHazards({"timeout": HazardCounts((8, 7, 6, 5, 4, 3, 2, 1), (1, 0, 6, 5, 0, 0, 2, 1))})
START = "earthwire_profile: 1\noverall: {calls: 1, sessions: 1, outcomes_after: {}, latency: {}}\n"
TOOL = START + "tools:\n  a: {calls: 1, sessions: 1, outcomes_after: {}, latency: {}, %s}\n"
LIMIT = "rate_limit: {quota: 10, window_calls: 20, refusals: 50, cycles: 5, support: tool}"
AT_RISK = "at_risk: [1, 1, 1, 1, 1, 1, 1, 1]"


def there_and_back(folder: Path, profile: Profile) -> Profile:
    path = folder / "p.yaml"
    path.write_text(profile_text(profile), "utf-8")
    return read_profile(path)


@pytest.mark.parametrize(
    "change",
    [
        {"regime": RunHistory((0, 3, 10, 1))},
        {"regime": HAZARDS},
        {"rate_limit": RateLimit(10, 126, None, 390, 4, "server")},
        {"rate_limit": RateLimit(10, 126, 60.5, 390, 4, "tool")},
        {"rate_limit": RateLimit(10, None, None, 390, 4, "tool")},
    ],
)
def test_what_says_when_tools_fail_comes_back_equal(tmp_path: Path, change: dict[str, object]) -> None:
    profile = Profile({"a": msgspec.structs.replace(LAWS, **change)}, LAWS)
    assert there_and_back(tmp_path, profile) == profile


def test_outages_of_upstreams_come_back_equal(tmp_path: Path) -> None:
    regime = UpstreamRegime(RunHistory((100, 3, 10, 1)), 90, 1, 9, 8)
    profile = Profile({"a": LAWS}, LAWS, upstreams={"api.example.com": regime})
    assert there_and_back(tmp_path, profile) == profile


def test_numbers_stand_beside_the_counts_they_rest_on() -> None:
    laws = msgspec.structs.replace(
        LAWS, regime=RunHistory((5, 3, 10, 1)), rate_limit=RateLimit(2, 9, None, 14, 3)
    )
    text = profile_text(Profile({"a": laws}, LAWS))
    assert "calls: 19\n      bad_calls: 4\n      runs: [5, 3, 10, 1]" in text
    assert "rate_limit: {quota: 2, window_calls: 9, refusals: 14, cycles: 3, support: tool}" in text


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("regime: {}", "tools.a.regime: either runs or hazards_after is expected, and not both"),
        ("regime: {calls: 3, bad_calls: 1, runs: [2, 2]}", "regime: calls is 3, but runs add up to 4"),
        ("regime: {calls: 4, bad_calls: 1, runs: [2, 2]}", "regime: bad_calls is 1, but runs add up to 2"),
        ("regime: {calls: 4, runs: [2, 2]}", "regime: bad_calls is None, but runs add up to 2"),
        ("regime: {calls: 0, bad_calls: 0, runs: []}", "each of the runs must be positive"),
        ("regime: {calls: 0, bad_calls: 0, runs: [0]}", "each of the runs must be positive"),
        ("regime: {calls: 2, bad_calls: 0, runs: [1, 0, 1]}", "each of the runs must be positive"),
        ("regime: {calls: 2, bad_calls: 0, runs: [2, -1]}", "runs.1: -1: input should be greater"),
        (
            f"regime: {{hazards_after: {{ok: {{{AT_RISK}, left: [0, 2, 0, 0, 0, 0, 0, 0]}}}}}}",
            "left is 2 where only 1",
        ),
        (f"regime: {{hazards_after: {{ok: {{{AT_RISK}, left: [0]}}}}}}", "at least 8 items"),
        (
            LIMIT.replace("quota: 10", "quota: 0"),
            "rate_limit.quota: 0: input should be greater than or equal to 1",
        ),
        (LIMIT.replace("20", "10"), "window_calls 10 must be more than the quota 10: nothing is refused"),
        (LIMIT.replace("window_calls: 20", "window_s: 0.0"), "window_s: 0.0: input should be greater than 0"),
        (LIMIT.replace("quota", "kuota"), "rate_limit.kuota: unknown key; did you mean `quota`?"),
    ],
)
def test_bad_values_are_named_in_their_place(tmp_path: Path, section: str, expected: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(TOOL % section)
    with pytest.raises(FileError) as caught:
        read_profile(path)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"{path}:4:")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("up_faults: 1", "up_faults: 99"), "upstreams.x: there are more faults than calls"),
        (("ticks: 4", "ticks: 5"), "upstreams.x: ticks is 5, but runs add up to 4"),
        (("up_calls: 9", "up_call: 9"), "upstreams.x.up_call: unknown key; did you mean `up_calls`?"),
    ],
)
def test_bad_outages_are_named_in_their_place(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    path = tmp_path / "p.yaml"
    outages = "{up_calls: 9, up_faults: 1, bad_calls: 3, bad_faults: 3, ticks: 4, bad_ticks: 1, runs: [3, 1]}"
    path.write_text(f"{START}tools: {{}}\nupstreams:\n  x: {outages.replace(*change, 1)}\n")
    with pytest.raises(FileError) as caught:
        read_profile(path)
    assert f"{path}:5:" in str(caught.value)
    assert expected in str(caught.value)
