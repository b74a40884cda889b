from hypothesis import given
from hypothesis import strategies as st

from earthwire.traces.labels.text_damage import misread, text_damage


@given(st.text(st.characters(min_codepoint=0x80, exclude_categories=("Cs",)), min_size=1))
def test_misread_text_is_noticed(text: str) -> None:
    assert text_damage(misread(text)) == "mojibake"


def test_good_text_is_left_in_peace() -> None:
    for text in ("Müller", "naïve café", "日本語", "10 € Â", "“quoted” – dash", "Ã", ""):
        assert text_damage(text) is None


def test_lost_characters_are_noticed() -> None:
    assert text_damage("M\ufffdller") == "replacement"
