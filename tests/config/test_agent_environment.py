"""What an agent is told, and what it keeps."""

import pytest

from earthwire.config.agent_environment import ForwardAddress, UnknownPlaceError, agent_environment

BASE = "http://127.0.0.1:8900"
FORWARD = ForwardAddress("http://127.0.0.1:8901", "/tmp/trusted.pem")


def test_places_in_values_are_filled():
    environment = agent_environment({}, BASE, {"OPENAI_BASE_URL": "{base}/t/openai/v1"})
    assert environment["OPENAI_BASE_URL"] == f"{BASE}/t/openai/v1"
    assert environment["EARTHWIRE_URL"] == BASE


@pytest.mark.parametrize("value", ["{episode}", "{0}", "{"])
def test_an_unknown_place_is_named(value: str):
    with pytest.raises(UnknownPlaceError, match="TOOL="):
        agent_environment({}, BASE, {"TOOL": value})


def test_the_agent_keeps_what_it_had():
    assert agent_environment({"HOME": "/home/a"}, BASE, {})["HOME"] == "/home/a"


def test_a_forward_proxy_is_set_in_both_cases_and_trusted_by_every_client():
    environment = agent_environment({}, None, {}, FORWARD)
    assert {environment[name] for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")} == {
        FORWARD.url
    }
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        assert environment[name] == FORWARD.bundle


def test_without_a_forward_proxy_none_is_set():
    assert "HTTPS_PROXY" not in agent_environment({}, BASE, {})


def test_the_way_to_the_proxy_itself_goes_through_no_proxy():
    environment = agent_environment({"NO_PROXY": "intranet.example, 127.0.0.1:8900"}, BASE, {}, FORWARD)
    parts = environment["NO_PROXY"].split(",")
    assert parts[0] == "intranet.example"
    assert parts.count("127.0.0.1:8900") == 1
    assert environment["no_proxy"].split(",")[-1] == "[::1]:8900"
