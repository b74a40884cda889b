from earthwire.cli.telling.sequence_sentences import sequence_sentences
from earthwire.fault_models import LatencyTable, OutcomeCounts, Profile, SequenceLaw, ToolLaws
from earthwire.fault_models.laws.latency import LEVELS

TABLE = LatencyTable(100, tuple(0.01 * 1.1**i for i in range(len(LEVELS))))


def profile(law: SequenceLaw | None) -> Profile:
    laws = ToolLaws(9, 3, OutcomeCounts({"start": {"ok": 9}}), {"ok": TABLE}, sequence=law)
    return Profile({"t": laws}, laws)


def test_first_calls_and_calls_after_a_fault_are_set_beside_late_ones() -> None:
    law = SequenceLaw((1.0, 0.0), (1.0, 1.0), (0.5, 0.5), fault_shift=-1.0, fault_share=0.25)
    first, after_fault = sequence_sentences(profile(law))
    assert first.startswith("the first call of a tool in a session takes ")
    assert float(first.split()[-8]) > 1.5
    assert after_fault.startswith("a call after a fault of the same tool takes 0.")


def test_where_earlier_calls_say_nothing_nothing_is_said() -> None:
    assert not list(sequence_sentences(profile(None)))
