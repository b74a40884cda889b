"""What validation refuses is said with key, value and way out; places are the matter of whoever has a file."""

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earthwire.config.validation_text import PROBLEMS_SHOWN_MAX, problem_texts


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    calls_max: Annotated[int | None, Field(ge=0, le=10)] = None


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seed: int = 0
    inner: Inner | None = None


def problems(body: object) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(body)
    return problem_texts(Outer, refused.value, "body")


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"sed": 1}, ["sed: unknown key; did you mean `seed`?"]),
        ({"zzz": 1}, ["zzz: unknown key; the keys here are seed, inner"]),
        ({"calls_max": 1}, ["calls_max: unknown key; it belongs in `inner`"]),
        ({"inner": {"seed": 1}}, ["inner.seed: unknown key; it belongs at the top"]),
        (
            {"inner": {"calls_max": 11}},
            ["inner.calls_max: 11: input should be less than or equal to 10; allowed: 0 to 10"],
        ),
        ({"inner": 3}, ["inner: 3: a mapping of keys is expected"]),
        ([], ["body: []: a mapping of keys is expected"]),
    ],
)
def test_a_problem_names_key_value_and_way_out(body: object, texts: list[str]) -> None:
    assert problems(body) == texts


def test_misspelt_keys_come_first_and_long_values_are_cut() -> None:
    first, second = problems({"inner": "x" * 500, "sead": 1})
    assert first == "sead: unknown key; did you mean `seed`?"
    assert second.startswith("inner: 'xxx")
    assert len(second) < 120


def test_the_list_has_an_end() -> None:
    assert len(problems({f"key{i}": 1 for i in range(100)})) == PROBLEMS_SHOWN_MAX
