"""Each check of the official MCP conformance suites ends through the proxy as it ends directly."""

import pytest

from foreign.conformance import RUNS, SESSIONS, Run, results
from foreign.environments import EnvironmentUnavailableError

CHECKS_OF_THE_SUITE = 40


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.suite)
def test_the_proxy_changes_no_check(run: Run) -> None:
    try:
        direct, proxied = results(run)
    except EnvironmentUnavailableError as error:
        pytest.skip(f"{run.suite} cannot be installed here: {error}")
    assert proxied == direct
    passed_count = sum(passed for passed, _ in direct.values())
    assert passed_count == CHECKS_OF_THE_SUITE if run is SESSIONS else passed_count > CHECKS_OF_THE_SUITE
