import msgspec
import pytest
from pydantic import ValidationError

from earthwire.config.profile_file import profile_text, read_profile
from earthwire.config.stream_section import StreamSection
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.laws.stream import CHUNK_LEVELS, GAP_LEVELS, StreamLaw
from earthwire.fault_models.profile import Profile, ToolLaws

LAW = StreamLaw(
    12,
    tuple(2.0 + i for i in range(len(CHUNK_LEVELS))),
    tuple(i / 8 for i in range(len(GAP_LEVELS))),
    0.25,
    0.5,
)


def test_a_law_comes_back_as_it_was(tmp_path):
    table = LatencyTable(9, (0.5,) * len(LEVELS))
    laws = ToolLaws(9, 1, OutcomeCounts({START: {"ok": 9}}), {"ok": table})
    profile = Profile({"llm": msgspec.structs.replace(laws, stream=LAW), "other": laws}, laws)
    path = tmp_path / "p.yaml"
    path.write_text(profile_text(profile))
    assert read_profile(path) == profile


def test_quantiles_that_fall_are_refused():
    with pytest.raises(ValidationError, match="gaps must not fall"):
        StreamSection(count=1, chunks=[1.0] * len(CHUNK_LEVELS), gaps=[2.0] + [1.0] * (len(GAP_LEVELS) - 1))
