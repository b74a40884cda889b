import pytest

from earthwire.cli.telling.failing import failure_sentences
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.profile import Profile, ToolLaws

OUTCOMES = OutcomeCounts({"start": {"ok": 170, "http_4xx:403": 30}})
FAILING = OutcomeCounts({"start": {"ok": 20, "http_4xx:403": 20}})


@pytest.mark.parametrize(
    ("by_level", "sessions"),
    [((0.2,), "10 of 50 sessions"), ((0.0, 0.0, 0.6), "sessions (most often slow ones)")],
)
def test_sessions_that_fail_as_a_whole_are_told_with_what_sets_them_apart(
    by_level: tuple[float, ...], sessions: str
) -> None:
    laws = ToolLaws(200, 50, OUTCOMES, {}, failing_outcomes=FAILING)
    profile = Profile({"a": laws}, laws, failing_sessions=FailingSessions(50, 10, by_level))
    (sentence,) = failure_sentences(profile, [("a", laws)])
    assert sessions in sentence
    assert sentence.endswith("50.0 % of their calls end as faults, of the others' 6.2 %")


def test_nothing_is_said_where_they_do_not() -> None:
    laws = ToolLaws(200, 50, OUTCOMES, {})
    assert not failure_sentences(Profile({"a": laws}, laws), [("a", laws)])
