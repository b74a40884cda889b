import numpy as np
import pytest

from earthwire.fault_models import OutcomeCounts, OutcomeLaw
from earthwire.fault_models.laws.outcome_chain import draw_chain


@pytest.mark.parametrize(
    "after",
    [
        {"ok": {"ok": 90, "timeout": 10}, "timeout": {"ok": 3, "timeout": 7}},
        {"ok": {"ok": 1, "timeout": 9}, "timeout": {"timeout": 9, "http_error": 1}},
        {"start": {"timeout": 5}, "timeout": {"timeout": 5}},
        {},
    ],
    ids=["mostly good", "mostly bad", "never good", "nothing known"],
)
@pytest.mark.parametrize("previous", ["start", "ok", "timeout"])
def test_a_chain_is_what_single_draws_give(after, previous: str) -> None:
    law = OutcomeLaw(OutcomeCounts(after))
    us = np.random.default_rng(5).random(500)
    expected, last = [], previous
    for u in us.tolist():
        last = law.draw(u, last)
        expected.append(last)
    assert draw_chain(law, us, previous) == expected
