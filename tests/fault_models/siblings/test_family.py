import pytest

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.fault_models.siblings.family import REFUSALS, SIBLINGS_MIN, Family
from earthwire.fault_models.simulation import Simulation

SLOW = LatencyTable(500, tuple(1.0 + i / 10 for i in range(len(LEVELS))))
FAST = LatencyTable(80, (0.01,) * len(LEVELS))
REFUSED = "http_4xx:429"
COUNTS = OutcomeCounts({START: {"ok": 10, REFUSED: 10}, "ok": {"ok": 10}, REFUSED: {REFUSED: 10}})


def laws(**latency: LatencyTable) -> ToolLaws:
    return ToolLaws(30, 4, COUNTS, {kind.replace("_429", REFUSED): table for kind, table in latency.items()})


def refusal(own: ToolLaws, *others: ToolLaws, overall: ToolLaws | None = None) -> LatencyTable:
    tools = {"GET a.example/x": own, **{f"GET a.example/{i}": one for i, one in enumerate(others)}}
    table = Family(Profile(tools, overall or laws(ok=SLOW))).adopted_latency("GET a.example/x", REFUSED)
    assert table is not None
    return table


def test_a_refusal_that_was_never_timed_is_as_fast_as_the_fastest_good_calls():
    table = refusal(laws(ok=SLOW))
    assert table.support == "assumed"
    assert table.quantiles_s[-1] <= SLOW.quantile_s(0.1)
    assert table.quantiles_s[0] == SLOW.quantiles_s[0]


def test_refusals_of_siblings_come_first():
    table = refusal(laws(ok=SLOW), *[laws(ok=SLOW, _429=FAST)] * SIBLINGS_MIN)
    assert (table.quantiles_s, table.support) == (FAST.quantiles_s, "server")


def test_another_refusal_of_the_tool_itself_stands_in_and_is_called_assumed():
    own = ToolLaws(30, 4, COUNTS, {"ok": SLOW, "http_4xx:401": FAST})
    table = refusal(own)
    assert (table.quantiles_s, table.support) == (FAST.quantiles_s, "assumed")


def test_faults_that_are_no_refusals_are_still_as_slow_as_good_calls():
    family = Family(Profile({"a": laws(ok=SLOW)}, laws(ok=SLOW)))
    table = family.adopted_latency("a", "http_5xx:503")
    assert table is not None
    assert table.quantiles_s == SLOW.quantiles_s


@pytest.mark.parametrize("kind", REFUSALS)
def test_without_any_times_there_is_no_table(kind: str):
    assert Family(Profile({"a": laws()}, laws())).adopted_latency("a", kind) is None


def test_drawn_refusals_are_fast_and_good_calls_are_not():
    simulation = Simulation(Profile({"a": laws(ok=SLOW)}, laws(ok=SLOW)), 3)
    plans = [simulation.draw(Call(f"e{i}", "a")).plan for i in range(200)]
    refused = [plan for plan in plans if plan.outcome == REFUSED]
    assert 60 < len(refused) < 140
    assert max(plan.last_byte_s for plan in refused) <= SLOW.quantile_s(0.1)
    assert {plan.support for plan in refused} == {"assumed"}
    assert min(plan.last_byte_s for plan in plans if plan.outcome == "ok") >= SLOW.quantiles_s[0]


def test_what_was_never_seen_fails_like_what_was_hardly_seen():
    busy = OutcomeCounts({START: {"ok": 1_000}, "ok": {"ok": 9_000}})
    rare = OutcomeCounts({START: {"ok": 4, "http_5xx:503": 6}, "ok": {"ok": 20, "http_5xx:503": 20}})
    tools = {"GET busy.example/x": ToolLaws(10_000, 90, busy, {})}
    tools |= {f"GET rare{i}.example/x": ToolLaws(50, 1, rare, {}) for i in range(3)}
    overall = ToolLaws(10_150, 93, OutcomeCounts({START: {"ok": 1_012, "http_5xx:503": 18}}), {})
    family = Family(Profile(tools, overall))
    assert family.model("GET new.example/x").outcomes.fault_share() > 0.3
    assert family.model("GET busy.example/x").outcomes.fault_share() < 0.01
    assert family.model("GET busy.example/y").outcomes.fault_share() < 0.01


def test_a_sibling_from_another_server_does_not_bring_the_pace_of_that_server():
    def all_of(server: str, level_s: float, count: int) -> dict[str, ToolLaws]:
        table = LatencyTable(50, tuple(level_s * (1 + i / 100) for i in range(len(LEVELS))))
        return {f"GET {server}.example/{i}": laws(ok=table) for i in range(count)}

    slow, fast = all_of("slow", 1.0, 20), all_of("fast", 0.01, SIBLINGS_MIN - 1)
    family = Family(Profile({**slow, **fast}, laws(ok=SLOW)))
    new_one, newcomer = (
        family.adopted_latency(f"GET {server}.example/new", "ok") for server in ("fast", "slow")
    )
    assert new_one is not None
    assert newcomer is not None
    assert new_one.support == "global"
    assert new_one.quantile_s(0.5) < 0.3 * newcomer.quantile_s(0.5)


def test_a_sibling_of_the_same_server_lends_its_own_times():
    tables = [LatencyTable(50, (level_s,) * len(LEVELS)) for level_s in (0.1, 1.0, 9.0)]
    family = Family(
        Profile({f"GET a.example/{i}": laws(ok=table) for i, table in enumerate(tables)}, laws(ok=SLOW))
    )
    adopted = family.adopted_latency("GET a.example/new", "ok")
    assert adopted is not None
    assert adopted.quantiles_s in [table.quantiles_s for table in tables]
