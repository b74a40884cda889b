"""Bad input of every kind is one line that says where and what."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from earthwire.config import located_yaml
from earthwire.config.located_yaml import PROBLEMS_SHOWN_MAX, FileError, Section, read_yaml


class Wheel(Section):
    size: Annotated[int, Field(ge=0)]
    name: str = ""


class Car(Section):
    colour: str
    wheels: list[Wheel] = Field(default=[])
    parts: dict[str, Wheel] = Field(default={})
    spare: Wheel | None = None
    weight: float = 1.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "car.yaml"


def problem(path: Path, text: str | bytes) -> str:
    """Return the error of a file, after its path."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileError) as caught:
        read_yaml(path, Car)
    assert str(caught.value).startswith(f"{path}:")
    return str(caught.value).removeprefix(f"{path}:")


def test_what_fits_is_read(path: Path) -> None:
    path.write_text("colour: red\nwheels: [{size: 1}, {size: 2, name: b}]\nspare: {size: 3}\n")
    car = read_yaml(path, Car)
    assert car.colour == "red"
    assert [wheel.size for wheel in car.wheels] == [1, 2]
    assert car.spare == Wheel(size=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("colour: red\nwheel: []\n", "2:1: wheel: unknown key; did you mean `wheels`?"),
        (
            "colour: red\nzzz: 1\n",
            "2:1: zzz: unknown key; the keys here are colour, wheels, parts, spare, weight",
        ),
        (
            "colour: red\nwheels:\n- size: 1\n- siz: 2\n  size: 2\n",
            "4:3: wheels.1.siz: unknown key; did you mean `size`?",
        ),
        (
            "colour: red\nparts: {a: {siz: 1, size: 1}}\n",
            "2:13: parts.a.siz: unknown key; did you mean `size`?",
        ),
        ("colour: red\nspare: {siz: 1, size: 1}\n", "2:9: spare.siz: unknown key; did you mean `size`?"),
        ("wheels: []\n", "1:1: colour: this key is missing"),
        ("colour: red\nwheels:\n- size: 1\n- name: b\n", "4:3: wheels.1.size: this key is missing"),
        ("colour: 5\n", "1:9: colour: 5: input should be a valid string"),
        ("colour: red\nwheels: [{size: '1'}]\n", "2:17: wheels.0.size: '1': input should be a valid integer"),
        (
            "colour: red\nwheels: [{size: true}]\n",
            "2:17: wheels.0.size: True: input should be a valid integer",
        ),
        (
            "colour: red\nwheels: [{size: -1}]\n",
            "2:17: wheels.0.size: -1: input should be greater than or equal to 0",
        ),
        ("colour: red\nwheels: 5\n", "2:9: wheels: 5: input should be a valid list"),
        ("colour: red\nparts: {1: {size: 1}}\n", "2:12: parts.1: 1: input should be a valid string"),
    ],
)
def test_what_does_not_fit_is_one_line_in_its_place(path: Path, text: str, expected: str) -> None:
    assert problem(path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty; a mapping of keys is expected"),
        ("# nothing\n", "1:1: the file is empty; a mapping of keys is expected"),
        ("- a\n", "1:1: ['a']: a mapping of keys is expected"),
        ("red\n", "1:1: 'red': a mapping of keys is expected"),
        (
            "colour:\n\t- red\n",
            "2:1: not YAML: found character that cannot start any token; indent with spaces, not with tabs",
        ),
        ("colour: [red\n", "2:1: not YAML: did not find expected ',' or ']'"),
        ("colour: red\n---\ncolour: blue\n", "2:1: but found another document"),
        ("{[1]: 2}\n", "1:2: found unhashable key"),
        (
            "colour: 2020-13-45\n",
            "1:9: '2020-13-45' is not what its form or tag tag:yaml.org,2002:timestamp promises",
        ),
        (
            "colour: !!bool maybe\n",
            "1:9: 'maybe' is not what its form or tag tag:yaml.org,2002:bool promises",
        ),
        (
            "colour: !!timestamp soon\n",
            "1:9: 'soon' is not what its form or tag tag:yaml.org,2002:timestamp promises",
        ),
    ],
)
def test_what_is_not_plain_yaml_is_one_line_in_its_place(path: Path, text: str, expected: str) -> None:
    assert problem(path, text) == expected


def test_an_integer_too_long_to_convert_is_an_error_in_its_place(path: Path) -> None:
    assert problem(path, "colour: red\nweight: " + "9" * 5000).startswith("2:9: '999")


def test_a_control_character_is_one_line(path: Path) -> None:
    message = problem(path, "colour: \0red\n")
    assert "not YAML: unacceptable character #x0000" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    ["colour: red\nweight: 1.0\ncolour: blue\n", "colour: red\nspare: {size: 1}\n'colour': blue\n"],
)
def test_a_key_that_stands_twice_is_an_error_with_both_lines(path: Path, text: str) -> None:
    assert problem(path, text) == "3:1: the key 'colour' stands here and in line 1; keep one of them"


def test_a_second_key_is_found_at_any_depth_and_in_any_spelling(path: Path) -> None:
    text = "colour: red\nparts:\n  a: {size: 1}\n  b: {size: 1,\n    size: 2}\n"
    assert problem(path, text) == "5:5: the key 'size' stands here and in line 4; keep one of them"
    assert problem(path, "16: a\n0x10: b\n") == "2:1: the key 16 stands here and in line 1; keep one of them"


@pytest.mark.parametrize(
    "tag", ["!!python/object:os.system", "!!python/name:os.system", "!secret", "!!perl/x"]
)
def test_tags_of_languages_are_refused(path: Path, tag: str) -> None:
    message = problem(path, f"colour: red\nspare: {tag} {{}}\n")
    assert message.startswith("2:8: could not determine a constructor for the tag")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "colour: &a [*a]\n",
        "spare: &a {size: 1}\nparts: {b: {<<: *a}}\n",
        "colour: &a red\nparts: {b: *a}\n",
    ],
)
def test_aliases_are_refused_so_that_few_lines_cannot_become_billions_of_values(
    path: Path, text: str
) -> None:
    assert "an alias (*name) stands for this value elsewhere" in problem(path, text)


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, "{a: " * 100_000, "- " * 2_000 + "a"])
def test_depth_is_bounded(path: Path, text: str) -> None:
    """Without the bound the composer recurses until the process dies.

    libyaml has a bound of its own since 0.2.6, 1,000 levels; its scanner looks ahead and may be the first to object.
    """
    assert problem(path, text).endswith(
        (": nested deeper than 50 levels", ": exceeded maximum nesting depth")
    )


def test_a_file_that_is_not_there_is_one_error(path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_yaml(path, Car)
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_a_directory_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_yaml(tmp_path, Car)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"


def test_what_is_not_utf_8_is_an_error_in_its_place(path: Path) -> None:
    assert problem(path, b"colour: red\nspare: \xff\xfe\n") == "2:8: not UTF-8; save the file as UTF-8"


def test_a_byte_order_mark_does_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbfcolour: red\n")
    assert read_yaml(path, Car).colour == "red"


def test_a_file_of_any_size_is_read_up_to_a_bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(located_yaml, "FILE_BYTES_MAX", 20)
    path.write_text("colour: red\n# 345678")
    assert read_yaml(path, Car).colour == "red"
    assert problem(path, "colour: red\n# 3456789") == " larger than 20 bytes, which is the most that is read"


def test_many_problems_are_listed_up_to_a_bound(path: Path) -> None:
    lines = problem(path, "colour: red\n" + "".join(f"k{i}: 1\n" for i in range(30))).splitlines()
    assert len(lines) == PROBLEMS_SHOWN_MAX + 1
    assert lines[-1] == f"{path}: 10 more problems"


def test_a_misspelt_key_is_named_before_the_one_that_is_missing_for_it(path: Path) -> None:
    assert problem(path, "color: red\n").splitlines() == [
        "1:1: color: unknown key; did you mean `colour`?",
        f"{path}:1:1: colour: this key is missing",
    ]


def test_a_long_value_is_shown_in_part(path: Path) -> None:
    assert len(problem(path, f"colour: [{'x' * 100_000}, {'y' * 100_000}]\n")) < 200
