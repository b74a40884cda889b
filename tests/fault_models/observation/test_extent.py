from earthwire.fault_models.observation.casing import Casing, Whitespace
from earthwire.fault_models.observation.extent import BUILT_IN_DISTRACTIONS, Distraction, Truncation
from earthwire.fault_models.uniforms import UniformStream

TEXT = "The quick brown fox jumps over the lazy dog. " * 10


def stream(i: int) -> UniformStream:
    return UniformStream(5, str(i))


def test_truncation_never_invents_anything_and_keeps_the_part_that_was_asked_for() -> None:
    step = Truncation(1.0, 0.3, 0.6)
    kept = [step.apply(TEXT, stream(i), 1.0) for i in range(100)]
    assert all(TEXT.startswith(text) for text in kept)
    shares = [len(text) / len(TEXT) for text in kept]
    assert 0.29 <= min(shares) < 0.35
    assert 0.55 < max(shares) <= 0.6


def test_what_was_cut_ends_with_the_marker() -> None:
    assert Truncation(1.0, 0.5, 0.5, "…").apply("abcdefghij", stream(0), 1.0) == "abcde…"


def test_a_distraction_stands_before_or_behind_the_text() -> None:
    texts = [Distraction(1.0).apply("Text.", stream(i), 1.0) for i in range(50)]
    assert {text.startswith("Text. ") for text in texts} == {True, False}
    assert all(text.replace("Text.", "").strip() in BUILT_IN_DISTRACTIONS for text in texts)


def test_own_sentences_replace_the_built_in_ones() -> None:
    assert Distraction(1.0, ("Mine.",)).apply("Text.", stream(0), 1.0) in ("Mine. Text.", "Text. Mine.")


def test_casing_is_of_the_kinds_that_were_asked_for() -> None:
    assert Casing(1.0, ("upper",)).apply("quick Fox", stream(0), 1.0) == "QUICK FOX"
    assert Casing(1.0, ("lower",)).apply("Quick FOX", stream(0), 1.0) == "quick fox"
    assert Casing(1.0, ("title",)).apply("quick FOX", stream(0), 1.0) == "Quick Fox"
    assert Casing(1.0, ("mixed",)).apply("quick", stream(0), 1.0) in ("QuIcK", "qUiCk")


def test_white_space_changes_and_letters_do_not() -> None:
    after = Whitespace(1.0).apply(TEXT, stream(0), 1.0)
    assert after != TEXT
    assert "".join(after.split()) == "".join(TEXT.split())
