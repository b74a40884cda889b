import pytest

from earthwire.fault_models.observation.field_paths import FieldPattern, changed_fields

DOCUMENT = {
    "title": "a",
    "id": "b",
    "items": [{"title": "c", "tags": ["d", "e"]}, {"title": 5, "more": {"title": "f"}}],
    "count": 3,
    "none": None,
}


def changed(*patterns: str) -> dict[str, str]:
    """Return texts by path, for all that a list of patterns declares."""
    found: dict[str, str] = {}

    def note(text: str, path: str) -> str:
        found[path] = text
        return text.upper()

    changed_fields(DOCUMENT, [FieldPattern(pattern) for pattern in patterns], note)
    return found


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("title", {"$.title": "a"}),
        ("$.title", {"$.title": "a"}),
        ("items[].title", {"$.items[0].title": "c"}),
        ("items[].tags[]", {"$.items[0].tags[0]": "d", "$.items[0].tags[1]": "e"}),
        ("items[].*.title", {"$.items[1].more.title": "f"}),
        ("**.title", {"$.title": "a", "$.items[0].title": "c", "$.items[1].more.title": "f"}),
        ("*", {"$.title": "a", "$.id": "b"}),
        ("items.title", {}),
        ("count", {}),
        ("nothing", {}),
    ],
)
def test_a_pattern_declares_these_texts_and_no_others(pattern: str, expected: dict[str, str]) -> None:
    assert changed(pattern) == expected


def test_a_text_that_two_patterns_declare_changes_once() -> None:
    seen: list[str] = []

    def note(text: str, path: str) -> str:
        seen.append(path)
        return text

    changed_fields(DOCUMENT, [FieldPattern("title"), FieldPattern("**.title")], note)
    assert seen.count("$.title") == 1


def test_the_document_itself_may_be_the_text() -> None:
    assert changed_fields("abc", [FieldPattern("$")], lambda text, _: text.upper()) == "ABC"


def test_everything_else_and_the_document_that_was_given_stay() -> None:
    before = {"a": [1, {"t": "x"}], "b": True}
    after = changed_fields(before, [FieldPattern("a[].t")], lambda text, _: text.upper())
    assert after == {"a": [1, {"t": "X"}], "b": True}
    assert before == {"a": [1, {"t": "x"}], "b": True}


def test_nothing_is_no_pattern() -> None:
    with pytest.raises(ValueError, match="no path"):
        FieldPattern("")
