from itertools import pairwise

import numpy as np
import pytest

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.first_byte import SHARE_LEVELS, FirstByteLaw
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.plan import Plan, RelayPieces, Wait
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.fault_models.simulation import Simulation
from earthwire.fault_models.steps.pace import (
    DRIP_S,
    FRAGMENTS,
    PACED_KINDS,
    SLOW_DRIP,
    drip_first_byte_s,
    paced,
)
from earthwire.traces.labels.fault_class import Observation, label_response

UNIFORMS = np.random.default_rng(5).random(200).tolist()
COUNTS = OutcomeCounts({START: {"ok": 40, SLOW_DRIP: 30, FRAGMENTS: 30}})
TABLE = LatencyTable(100, tuple(0.1 + i / 100 for i in range(len(LEVELS))))
HALF = FirstByteLaw(100, (0.5,) * len(SHARE_LEVELS))


def pieces(plan: Plan) -> RelayPieces:
    return next(step for step in plan.steps if isinstance(step, RelayPieces))


def plans(kind: str) -> list[Plan]:
    laws = ToolLaws(100, 4, COUNTS, {"ok": TABLE}, first_byte=HALF)
    simulation = Simulation(Profile({"a": laws}, laws), 3)
    drawn = [simulation.draw(Call(f"e{i}", "a")).plan for i in range(200)]
    return [plan for plan in drawn if plan.outcome == kind]


def label_of(due_s: tuple[float, ...]) -> str:
    stall_ns = int(max(after - before for before, after in pairwise(due_s)) * 1e9)
    seen = Observation(status=200, content_type="application/json", body=b'{"a": 1}', stall_ns=stall_ns)
    return label_response(seen).fault_class


def test_a_drip_is_labelled_as_one():
    for u in UNIFORMS:
        step = paced(SLOW_DRIP, u, 0.2, 0.2 + DRIP_S)[-1]
        assert isinstance(step, RelayPieces)
        assert label_of(step.due_s) == "slow_drip"
        assert (step.due_s[0], step.due_s[-1]) == (0.2, 0.2 + DRIP_S)
        assert list(step.due_s) == sorted(step.due_s)


def test_without_time_for_a_stall_a_drip_has_none():
    step = paced(SLOW_DRIP, 0.5, 0.2, 1.2)[-1]
    assert isinstance(step, RelayPieces)
    assert label_of(step.due_s) == "ok"


def test_drawn_drips_begin_like_good_calls_and_end_later():
    drips = plans(SLOW_DRIP)
    assert len(drips) > 30
    for plan in drips:
        assert plan.last_byte_s > DRIP_S
        assert plan.first_byte_s == pytest.approx(0.5 * (plan.last_byte_s - DRIP_S))
        assert Wait(plan.first_byte_s) in plan.steps
        assert pieces(plan).cut == "parts"
        assert (pieces(plan).due_s[0], pieces(plan).due_s[-1]) == (plan.first_byte_s, plan.last_byte_s)
        assert plan.support == "assumed"
        assert label_of(pieces(plan).due_s) == "slow_drip"


def test_fragments_are_as_slow_as_good_calls():
    found = plans(FRAGMENTS)
    assert len(found) > 30
    assert {pieces(plan).cut for plan in found} == {"fragments"}
    assert max(plan.last_byte_s for plan in found) <= TABLE.quantiles_s[-1]
    assert len({pieces(plan).u for plan in found}) == len(found)


@pytest.mark.parametrize("kind", PACED_KINDS)
def test_the_same_uniform_gives_the_same_steps(kind: str):
    assert paced(kind, 0.25, 0.1, 7.0) == paced(kind, 0.25, 0.1, 7.0)
    assert paced(kind, 0.25, 0.1, 7.0) != paced(kind, 0.26, 0.1, 7.0)


def test_a_drip_that_takes_no_time_begins_at_once():
    assert drip_first_byte_s(0.0, 0.0) == 0.0
    assert drip_first_byte_s(1.0, 2.0) == 0.0
