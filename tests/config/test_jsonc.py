"""JSON with comments, with the place of every value."""

import json

import pytest

from earthwire.config.jsonc import JsoncError, Replacement, read_jsonc, replaced

TEXT = """{
  // a comment with "quotes" and { braces
  "a": [1, -2.5e3, true, null,], /* another // one */
  "b": {"c": "x \\"y\\" \\u00e9 // no comment",},
}
"""


def test_comments_and_trailing_commas_are_read_over():
    assert read_jsonc(TEXT).plain == {"a": [1, -2500.0, True, None], "b": {"c": 'x "y" é // no comment'}}


@pytest.mark.parametrize("value", [{}, [], "", 0, -1.5, True, None, {"a": [{"b": ["ü\n"]}]}])
def test_plain_json_is_read_as_json(value):
    assert read_jsonc(json.dumps(value, indent=2)).plain == value


def test_every_member_knows_its_place():
    member = read_jsonc(TEXT).members["b"].members["c"]
    assert json.loads(TEXT[member.start : member.end]) == member.plain
    assert replaced(TEXT, [Replacement(member.start, member.end, "1")]).count("// a comment") == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "1:1"),
        ("{", "1:2"),
        ('{"a": }', "1:7"),
        ('{"a": 1 "b": 2}', "1:9"),
        ('{\n  "a": 1\n} x', "3:3"),
        ("{'a': 1}", "1:2"),
        ('{"a": "\\q"}', "1:7"),
        ("/* open", "1:1"),
        ("[" * 1000, "1:102"),
    ],
)
def test_what_is_not_json_is_told_with_its_place(text, place):
    with pytest.raises(JsoncError, match=f"^{place}: "):
        read_jsonc(text)
