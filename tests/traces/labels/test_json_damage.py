import pytest

from earthwire.traces.labels.json_damage import has_lone_surrogate, json_damage


@pytest.mark.parametrize(
    ("body", "damage"),
    [
        (b'{"a": 1}', None),
        (b'"\\ud83d\\ude00"', None),
        (b'"\\\\ud83d"', None),
        (b'{"a": tr', "truncated"),
        (b'{"a": "b\\u12', "truncated"),
        (b"[1.", "truncated"),
        (b'{"a": "\xc3', "truncated"),
        (b"[1,]", "trailing_comma"),
        (b'{"a": 1,\n}', "trailing_comma"),
        (b"[NaN]", "nan"),
        (b'{"a": -Infinity}', "nan"),
        (b"{'a': 1}", "single_quotes"),
        (b'OK\n{"a": [1]}', "prefix_text"),
        (b"[1][2]", "two_values"),
        (b"\xef\xbb\xbf{}", "bom"),
        (b'["\\ud83d"]', "lone_surrogate"),
        (b'["\\ude00"]', "lone_surrogate"),
        (b'["\xe9"]', "invalid_utf8"),
        (b"oops", "other"),
        (b'{"a" 1}', "other"),
    ],
)
def test_damage_is_named_by_the_first_error(body: bytes, damage: str | None) -> None:
    assert json_damage(body) == damage


def test_every_beginning_of_json_is_truncated() -> None:
    whole = b'{"a": [1.5e3, true, null, "\\u00e9\xc3\xa9"], "b": {}}'
    assert {json_damage(whole[:size]) for size in range(1, len(whole))} == {"truncated"}


def test_a_pair_of_surrogates_is_whole_only_side_by_side() -> None:
    assert has_lone_surrogate('"\\ud83d \\ude00"')
    assert not has_lone_surrogate('"\\ud83d\\ude00"')
