"""What holds for every step of the observation channel, whatever it does."""

import json
import re
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthwire.config.channel_models import OBSERVATION_STEPS
from earthwire.fault_models.observation import (
    Casing,
    CodeSwitch,
    Distraction,
    Paraphrase,
    TextStep,
    Truncation,
    TypoKind,
    Typos,
    Whitespace,
)
from earthwire.fault_models.observation.casing import CasingKind
from earthwire.fault_models.uniforms import UniformStream

STEPS: list[TextStep] = [
    Paraphrase(0.5),
    CodeSwitch(0.5, "de"),
    Typos(0.5, get_args(TypoKind)),
    Casing(0.5, get_args(CasingKind)),
    Whitespace(0.5),
    Truncation(0.5, 0.2, 0.9),
    Distraction(0.5),
]
WORD_STEPS = [step for step in STEPS if step.name in ("paraphrase", "language", "typos", "casing")]
TEXT = (
    "Please find the purchase order 4711 for user_id=ab12 at https://shop.example/o/4711?x=1, "
    "sent to bob@example.com on 2026-11-23 at 10:45; the city is available. Quickly help the new account!"
)
PROTECTED = (
    "4711",
    "user_id=ab12",
    "https://shop.example/o/4711?x=1,",
    "bob@example.com",
    "2026-11-23",
    "10:45;",
)


def name_of(step: TextStep) -> str:
    return step.name


def stream(*scope: str) -> UniformStream:
    return UniformStream(7, *scope)


def test_every_step_of_a_recipe_is_under_contract() -> None:
    assert tuple(step.name for step in STEPS) == OBSERVATION_STEPS


@pytest.mark.parametrize("step", STEPS, ids=name_of)
def test_the_same_text_and_uniforms_give_the_same_result(step: TextStep) -> None:
    assert step.apply(TEXT, stream("a"), 1.0) == step.apply(TEXT, stream("a"), 1.0)


@pytest.mark.parametrize("step", STEPS, ids=name_of)
def test_other_uniforms_give_other_results(step: TextStep) -> None:
    assert len({step.apply(TEXT, stream(str(i)), 1.0) for i in range(20)}) > 1


@pytest.mark.parametrize("step", STEPS, ids=name_of)
def test_severity_zero_changes_nothing(step: TextStep) -> None:
    assert all(step.apply(TEXT, stream(str(i)), 0.0) == TEXT for i in range(20))


@pytest.mark.parametrize("step", STEPS, ids=name_of)
def test_a_higher_severity_changes_what_a_lower_one_did_and_more(step: TextStep) -> None:
    changed = [
        [step.apply(TEXT, stream(str(i)), severity) != TEXT for i in range(50)]
        for severity in (0.1, 0.5, 1.0, 2.0)
    ]
    assert all(
        not low or high
        for lower, higher in pairwise(changed)
        for low, high in zip(lower, higher, strict=True)
    )
    assert sum(changed[-1]) > sum(changed[0])


@pytest.mark.parametrize("step", WORD_STEPS, ids=name_of)
@pytest.mark.parametrize("severity", [1.0, 8.0])
def test_numbers_links_addresses_and_ids_stay(step: TextStep, severity: float) -> None:
    for i in range(30):
        after = step.apply(TEXT, stream(str(i)), severity)
        assert all(word in after.split(" ") for word in PROTECTED), after


@pytest.mark.parametrize("step", STEPS, ids=name_of)
@pytest.mark.parametrize(
    "text", ["", " ", "\n", "x", "é", "日本語のテキスト", "a" * 100_000, "a b " * 20_000]
)
def test_empty_short_foreign_and_huge_texts_are_survived(step: TextStep, text: str) -> None:
    after = step.apply(text, stream("a"), 8.0)
    json.dumps(after).encode()
    assert len(after) <= 3 * len(text) + 2_000


@pytest.mark.parametrize("step", STEPS, ids=name_of)
@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=200))
def test_no_text_is_an_error(step: TextStep, text: str) -> None:
    step.apply(text, stream("a"), 1.0)


@pytest.mark.parametrize("step", WORD_STEPS, ids=name_of)
def test_white_space_and_punctuation_stay(step: TextStep) -> None:
    text = "One, (two)  three;\n\tfour? «five» - six!"
    after = step.apply(text, stream("a"), 8.0)
    # A translation or a synonym of several words brings white space of its own.
    if step.name in ("typos", "casing"):
        assert re.findall(r"\s+", after) == re.findall(r"\s+", text)
    assert re.sub(r"[\w\s'’-]", "", after) == re.sub(r"[\w\s'’-]", "", text)


def test_typos_hit_the_share_of_words_that_was_asked_for() -> None:
    """2,000 words at 0.1: within 4.5 standard errors, sqrt(0.1 * 0.9 / 2000) = 0.0067. Negative control: 0.2."""
    words = ["keyboard"] * 2_000
    after = Typos(0.1, ("drop",)).apply(" ".join(words), stream("a"), 1.0).split(" ")
    share = sum(word != "keyboard" for word in after) / len(words)
    assert abs(share - 0.1) < 0.030
    assert abs(share - 0.2) > 0.030
