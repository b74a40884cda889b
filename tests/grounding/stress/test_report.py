import msgspec
import pytest

from earthwire.grounding.stress import (
    StressReport,
    Subject,
    arm_finding,
    arms_of,
    decoded,
    encoded,
    gaps,
    stress_verdict,
)
from tests.grounding.stress.results import result

CLEAN, TRANSITION = arms_of(("transition",), (1.0,))
RUNS = [result(seed, seed > 0, injected={"timeout": 1}) for seed in range(3)]
FINDINGS = (arm_finding(CLEAN, RUNS), arm_finding(TRANSITION, RUNS))
REPORT = StressReport(
    subject=Subject(recipe="r", recipe_hash="0" * 16, agent="a"),
    channels=("transition",),
    multiples=(1.0,),
    seeds=3,
    is_complete=True,
    verdict=stress_verdict(0.8, *FINDINGS, []),
    arms=FINDINGS,
    gaps=gaps((CLEAN, TRANSITION), {CLEAN.name: RUNS, TRANSITION.name: RUNS}),
    episodes=tuple(RUNS),
)


def test_a_report_is_read_back_as_it_was() -> None:
    assert decoded(encoded(REPORT)) == REPORT


def test_a_report_begins_with_its_format_and_ends_with_a_line_break() -> None:
    text = encoded(REPORT)
    assert text.startswith(b'{\n "earthwire_stress": 1,\n')
    assert text.endswith(b"}\n")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"earthwire_stress": 2}'])
def test_other_files_are_no_report(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decoded(data)
