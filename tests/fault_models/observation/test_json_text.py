import pytest

from earthwire.fault_models.observation.json_text import read_json, write_json


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1.50,"b":[1e5,-0.0,12345678901234567890,0.1000000000000000055]}',
        '{"a":"é","b":null,"c":true,"d":{"e":[]}}',
        "[]",
    ],
)
def test_numbers_keep_every_digit_and_their_form(text: str) -> None:
    assert write_json(read_json(text)).decode() == text


@pytest.mark.parametrize("text", ["", "text", "5", '"text"', "{", '{"a": NaN}', "[" * 100_000, b"\xff{}"])
def test_what_is_no_document_is_none(text: str | bytes) -> None:
    assert read_json(text) is None


def test_half_of_a_surrogate_pair_cannot_be_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        write_json(read_json('{"a": "\\ud800"}'))
