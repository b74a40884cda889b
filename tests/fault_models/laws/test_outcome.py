from collections import Counter

import numpy as np
import pytest

from earthwire.fault_models.laws.outcome import START, OutcomeCounts, OutcomeLaw, back_off

TOOL = OutcomeCounts({START: {"ok": 9, "timeout": 1}, "timeout": {"timeout": 3, "ok": 1}, "ok": {"ok": 80}})
ALL = OutcomeCounts({START: {"ok": 100, "conn_error": 100}})


def test_back_off_is_the_formula_by_hand():
    assert back_off({"ok": 3}, {"ok": 0.5, "timeout": 0.5}) == {"ok": 3.5 / 4, "timeout": 0.5 / 4}


def test_back_off_without_prior_gives_frequencies():
    assert back_off({"ok": 3, "timeout": 1}, {}) == {"ok": 0.75, "timeout": 0.25}


def test_probabilities_follow_the_chain_from_all_to_tool_to_previous_outcome():
    law = OutcomeLaw(ALL, TOOL)
    of_tool = back_off(TOOL.total, {"ok": 0.5, "conn_error": 0.5})
    assert law.probabilities("timeout") == back_off({"timeout": 3, "ok": 1}, of_tool)
    assert sum(law.probabilities("timeout").values()) == pytest.approx(1.0)


def test_previous_outcome_never_seen_backs_off_to_the_tool():
    law = OutcomeLaw(ALL, TOOL)
    assert law.probabilities("http_5xx:503") == pytest.approx(law.marginal())


def test_draw_has_the_stated_frequencies():
    law = OutcomeLaw(ALL, TOOL)
    u = np.random.default_rng(1).random(20_000)
    drawn = Counter(law.draw(value, "timeout") for value in u)
    for kind, p in law.probabilities("timeout").items():
        # 4 standard errors of a binomial share of 20,000.
        assert drawn[kind] / 20_000 == pytest.approx(p, abs=4 * (p * (1 - p) / 20_000) ** 0.5)


def test_low_uniforms_are_faults():
    law = OutcomeLaw(TOOL)
    assert law.draw(0.0, START) == "timeout"
    assert law.draw(0.999, START) == "ok"


def test_law_without_any_counts_is_ok():
    assert OutcomeLaw(OutcomeCounts({})).draw(0.5, START) == "ok"
