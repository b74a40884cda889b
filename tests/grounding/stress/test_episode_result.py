from functools import partial

from earthwire.config.channel_models import open_ledger
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.reward import Ledgers
from earthwire.grounding.stress import findings_of_calls
from earthwire.traces.record import TraceRecord

RECIPE = RecipeFile.model_validate(
    {
        "earthwire_recipe": 1,
        "routes": {"tools": {"upstream": "http://127.0.0.1:1"}},
        "costs": {"per_call": 0.1, "per_second": 2.0},
        "reward": {"potential": {"tools": {"t": 0.25}}},
    }
)
SECOND_NS = 10**9
RECORDS = [
    TraceRecord(
        tool="t",
        episode="default",
        request_key="k",
        start_time_unix_nano=SECOND_NS,
        duration_ns=SECOND_NS,
        outcome="http_error",
        http_response_status_code=503,
        origin="injected",
        plan_outcome="http_5xx:503",
    ),
    TraceRecord(
        tool="t",
        episode="default",
        request_key="k",
        start_time_unix_nano=3 * SECOND_NS,
        duration_ns=SECOND_NS,
        outcome="ok",
        attributes='{"earthwire.channels":{"typos":2}}',
    ),
    TraceRecord(
        tool="t", episode="default", outcome="http_error", attributes='{"earthwire.budget_spent":"calls"}'
    ),
]


def ledgers() -> Ledgers:
    return Ledgers(partial(open_ledger, RECIPE))


def test_calls_tell_of_attempts_faults_and_channels() -> None:
    found = findings_of_calls(RECORDS, None, None, time_is_virtual=False)
    assert (found.attempts.attempts, found.attempts.retries, found.attempts.recovered) == (3, 1, 1)
    assert found.injected == {"http_5xx:503": 1}
    assert found.changes == {"typos": 2}
    assert (found.refused, found.spent, found.charged) == (1, 0.0, 0.0)


def test_the_price_of_measured_seconds_stands_apart() -> None:
    found = findings_of_calls(RECORDS, ledgers(), None, time_is_virtual=False)
    assert (found.spent, found.timed_spent) == (0.2, 4.0)
    assert (found.charged, found.timed_charged, found.shaping) == (0.0, 0.0, 0.0)


def test_the_price_of_drawn_seconds_is_a_price_like_any_other() -> None:
    found = findings_of_calls(RECORDS, None, ledgers(), time_is_virtual=True)
    assert (found.charged, found.timed_charged, found.shaping) == (4.2, 0.0, 0.25)
    assert found.spent == 0.0
