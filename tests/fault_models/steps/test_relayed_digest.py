import pytest

from earthwire.fault_models.plan import Plan, plan_digest
from earthwire.fault_models.steps.delivery import RELAYED_KINDS, relay
from earthwire.fault_models.steps.relayed_digest import relayed_digest

TIMES_S = (0.0, 5e-324, 0.1, 1.0, 123.456, 0.123456789, 9.87654321, 1e300)


@pytest.mark.parametrize(
    "kind", [*RELAYED_KINDS, "", "a kind with a name that is longer than thirty-one bytes"]
)
@pytest.mark.parametrize("support", ["tool", "server", "global", "assumed"])
def test_digest_is_that_of_the_whole_plan(kind: str, support) -> None:
    for first_s in TIMES_S:
        for last_s in TIMES_S:
            plan = Plan(kind, first_s, last_s, relay(first_s, last_s), support)
            assert relayed_digest(kind, first_s, last_s, support) == plan_digest(plan)


def test_other_times_have_other_digests() -> None:
    digests = {relayed_digest("ok", first_s, last_s, "tool") for first_s in TIMES_S for last_s in TIMES_S}
    assert len(digests) == len(TIMES_S) ** 2
