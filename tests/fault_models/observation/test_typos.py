import pytest

from earthwire.fault_models.observation.typos import NEIGHBOURS, TypoKind, Typos, slip
from earthwire.fault_models.uniforms import UniformStream


def test_neighbours_are_those_of_the_keyboard() -> None:
    assert set(NEIGHBOURS["g"]) == set("fhtyvb")
    assert set(NEIGHBOURS["q"]) == set("wa")
    assert set(NEIGHBOURS["p"]) == set("ol")


def test_being_a_neighbour_is_mutual() -> None:
    assert all(key in NEIGHBOURS[other] for key, others in NEIGHBOURS.items() for other in others)


@pytest.mark.parametrize(
    ("word", "kind", "where", "expected"),
    [
        ("form", "drop", 0.0, "frm"),
        ("form", "drop", 0.99, "for"),
        ("form", "swap", 0.99, "fomr"),
        ("form", "double", 0.0, "fform"),
        ("modern", "ocr", 0.0, "rnodern"),
        ("modern", "ocr", 0.99, "modem"),
    ],
)
def test_slips_are_what_they_are_called(word: str, kind: TypoKind, where: float, expected: str) -> None:
    assert slip(word, kind, where, 0.0) == expected


@pytest.mark.parametrize(
    ("word", "kind"), [("at", "drop"), ("aaa", "swap"), ("ß", "neighbour"), ("xyz", "ocr")]
)
def test_a_word_without_room_for_a_slip_stays(word: str, kind: TypoKind) -> None:
    assert slip(word, kind, 0.5, 0.5) == word


def test_a_capital_stays_a_capital_on_a_neighbouring_key() -> None:
    assert slip("G", "neighbour", 0.0, 0.0).isupper()


def test_a_word_without_room_gets_the_next_kind() -> None:
    step = Typos(1.0, ("ocr", "double"))
    assert all(len(step.apply("xyz", UniformStream(1, str(i)), 1.0)) == 4 for i in range(10))


def test_with_numbers_everything_between_white_space_is_a_word() -> None:
    text = "order 4711 at x_1"
    step = Typos(1.0, ("double", "swap"), numbers=True)
    assert all(
        a != b
        for a, b in zip(step.apply(text, UniformStream(1, "a"), 1.0).split(), text.split(), strict=True)
    )
