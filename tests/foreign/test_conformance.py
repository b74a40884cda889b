"""The official MCP conformance suite loses nothing through the proxy."""

import pytest

from foreign.conformance import (
    SERVER_SDK,
    SUITE,
    checks,
    running_proxy,
    running_server,
)
from foreign.environments import EnvironmentUnavailableError, node_environment, python_environment

CHECKS_OF_THE_SUITE = 40


@pytest.mark.slow
def test_all_checks_that_pass_directly_pass_through_the_proxy():
    try:
        programs = node_environment("mcp-conformance", SUITE)
        python = python_environment("mcp-1", SERVER_SDK)
    except EnvironmentUnavailableError as error:
        pytest.skip(f"the conformance suite cannot be installed here: {error}")
    with running_server(python) as url, running_proxy(url) as proxied_url:
        direct, proxied = checks(programs, url), checks(programs, proxied_url)
    assert proxied == direct
    assert sum(passed for passed, _ in direct.values()) == CHECKS_OF_THE_SUITE
