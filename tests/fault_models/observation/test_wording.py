import pytest

from earthwire.fault_models.observation.wording import (
    CodeSwitch,
    Language,
    Paraphrase,
    synonyms,
    translations,
)
from earthwire.fault_models.uniforms import UniformStream


def stream(name: str = "a") -> UniformStream:
    return UniformStream(3, name)


def test_synonyms_say_the_same_in_the_case_of_the_word() -> None:
    assert Paraphrase(1.0).apply("Purchase QUICKLY.", stream(), 1.0) in ("Buy RAPIDLY.", "Buy SPEEDILY.")


def test_a_word_without_synonym_stays() -> None:
    assert Paraphrase(1.0).apply("Zanzibar xylophone", stream(), 1.0) == "Zanzibar xylophone"


def test_the_table_of_synonyms_is_large_and_carries_its_licence() -> None:
    table = synonyms()
    assert len(table) > 2_000
    assert all(word not in others for word, others in table.items())


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de", "Die Datei fehlt"), ("fr", "Le fichier manquant"), ("es", "El archivo falta")],
)
def test_known_words_switch(language: Language, expected: str) -> None:
    after = CodeSwitch(1.0, language).apply("The file missing", stream(), 1.0)
    assert after.split()[1:] == expected.split()[1:]
    assert after[0].isupper()


def test_every_word_is_known_in_every_language() -> None:
    assert translations("de").keys() == translations("es").keys() == translations("fr").keys()
    assert len(translations("de")) >= 130
