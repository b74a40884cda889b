from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_truth import BAD_FAULTS, UP_FAULTS, UP_TICKS, draw_outages
from earthwire.grounding.certainty.outage_intervals import outage_intervals
from earthwire.grounding.certainty.scope import Scope

PARAMETERS = {"up_run_ticks", "bad_run_ticks", "fault_rate while up", "fault_rate while bad"}


def scope_of(calls):
    scope = Scope()
    outage_intervals(scope, calls, 0.9)
    return scope.result()


def test_a_hidden_regime_is_covered():
    """One recording of 4,000 ticks: intervals of 99.9 % hold the truth in all but one of 250 runs of this test."""
    scope = Scope()
    outage_intervals(scope, draw_outages(np.random.default_rng(7)), 0.999)
    stated = scope.result().stated
    assert set(stated) == PARAMETERS
    assert stated["up_run_ticks"].covers(UP_TICKS)
    assert stated["fault_rate while up"].covers(UP_FAULTS)
    assert stated["fault_rate while bad"].covers(BAD_FAULTS)
    # Negative control: the rate whatever the regime lies far outside of both.
    assert not stated["fault_rate while up"].covers(0.2)
    assert not stated["fault_rate while bad"].covers(0.2)


def test_ticks_of_single_calls_tell_no_regime():
    calls = draw_outages(np.random.default_rng(1))
    _, first = np.unique(calls.start_s // 10, return_index=True)
    thin = scope_of(calls.select(np.sort(first)))
    assert not thin.stated
    assert set(thin.not_stated) == PARAMETERS
    assert "1 calls in the typical tick" in thin.not_stated["up_run_ticks"]


@pytest.mark.parametrize("seed", range(3))
def test_regimes_that_look_alike_are_not_stated(seed):
    """Outages in which only half of the calls fail, five calls a tick: every other bad tick looks up."""
    rng = np.random.default_rng(seed)
    calls = draw_outages(rng)
    survives = (rng.random(len(calls)) < 0.45) & (calls.kind == calls.kind_names.index("http_5xx:503"))
    kind = np.where(survives, calls.kind_names.index("ok"), calls.kind)
    found = scope_of(replace(calls, kind=kind))
    assert set(found.not_stated) == PARAMETERS
    assert "taken for the wrong regime" in found.not_stated["bad_run_ticks"]
