from dataclasses import replace

import msgspec
import pytest

from earthwire.config.located_yaml import FileError
from earthwire.config.profile_file import profile_text, read_profile
from earthwire.grounding import calibrate
from tests.grounding.synthetic import make_calls


def written(tmp_path, text):
    path = tmp_path / "profile.yaml"
    path.write_text(text)
    return path


def profile_with_times():
    calls = make_calls()
    return calibrate(replace(calls, start_s=1.7e9 + 3_600.0 * calls.session), engine="compact")


def test_intervals_and_drift_survive_the_file(tmp_path):
    profile = profile_with_times()
    text = profile_text(profile)
    read = read_profile(written(tmp_path, text))
    assert profile_text(read) == text
    assert read.intervals.tools.keys() == profile.intervals.tools.keys()
    for name, scope in profile.intervals.tools.items():
        assert read.intervals.tools[name].not_stated == scope.not_stated
        for parameter, interval in scope.stated.items():
            found = read.intervals.tools[name].stated[parameter]
            assert found.low == pytest.approx(interval.low, rel=1e-4)
            assert found.cluster_count == interval.cluster_count
    assert read.drift.p_value == profile.drift.p_value
    assert [window.start_s for window in read.drift.windows] == [
        window.start_s for window in profile.drift.windows
    ]


def test_a_profile_without_them_has_neither(tmp_path):
    profile = calibrate(make_calls(), engine="compact", has_intervals=False, weighs_age=False)
    read = read_profile(written(tmp_path, profile_text(profile)))
    assert (read.intervals, read.drift) == (None, None)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("confidence: 0.9", "confidence: 1.5", "less than 1"),
        ("not_stated:", "not_sated:", "not_stated"),
        ("half_life_s: 3600.0", "half_life_s: -1.0", "greater than 0"),
    ],
)
def test_errors_name_the_place(tmp_path, before, after, message):
    profile = profile_with_times()
    drift = msgspec.structs.replace(profile.drift, half_life_s=3_600.0)
    text = profile_text(msgspec.structs.replace(profile, drift=drift))
    assert before in text
    with pytest.raises(FileError, match=message):
        read_profile(written(tmp_path, text.replace(before, after)))


def test_an_interval_upside_down_is_an_error(tmp_path):
    profile = profile_with_times()
    text = profile_text(profile)
    start = text.index("fault_rate: {")
    broken = text[:start] + text[start:].replace("low: ", "low: 9", 1)
    with pytest.raises(FileError, match="is above high"):
        read_profile(written(tmp_path, broken))


def test_times_are_written_in_utc():
    text = profile_text(profile_with_times())
    assert "begin: 2023-11-14 22:13:20+00:00" in text
