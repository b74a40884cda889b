import pytest

from earthwire.fault_models.siblings.matching import ToolMatcher

TOOLS = [
    "GET api.example.com/users/{id}",
    "GET api.example.com/users/me",
    "POST api.example.com/users",
    "GET other.example.com/users/{id}",
    "GET api.example.com/users/{id}/keys/{name}",
    "fetch/get_page",
    "cart: Add",
]


@pytest.mark.parametrize(
    ("method", "path", "tool"),
    [
        ("GET", "/users/17", "GET api.example.com/users/{id}"),
        ("GET", "/users/me", "GET api.example.com/users/me"),
        ("GET", "/users/me/keys/a", "GET api.example.com/users/{id}/keys/{name}"),
        ("post", "/users", "POST api.example.com/users"),
    ],
)
def test_request_finds_its_template_and_a_literal_segment_wins(method: str, path: str, tool: str):
    assert ToolMatcher(TOOLS).tool(method, path) == tool


def test_named_server_wins_over_the_first_one():
    matcher = ToolMatcher(TOOLS, server="other.example.com")
    assert matcher.tool("GET", "/users/17") == "GET other.example.com/users/{id}"


def test_unknown_request_is_templated_under_the_host_of_the_profile():
    assert ToolMatcher(TOOLS).tool("GET", "/orders/4711") == "GET api.example.com/orders/{id}"


def test_empty_segment_is_no_identifier():
    assert ToolMatcher(TOOLS).tool("GET", "/users/") == "GET api.example.com/users/"


def test_profile_without_http_tools_still_names_requests():
    assert ToolMatcher(["fetch/get_page"]).tool("GET", "/a") == "GET upstream/a"


def test_of_several_servers_each_has_its_own_tools():
    matcher = ToolMatcher(TOOLS)
    assert matcher.tool("GET", "/users/17", "other.example.com") == "GET other.example.com/users/{id}"
    assert matcher.tool("GET", "/users/me", "other.example.com") == "GET other.example.com/users/{id}"
    assert matcher.tool("GET", "/orders/4711", "other.example.com") == "GET other.example.com/orders/{id}"


def test_servers_on_one_host_are_told_apart_by_their_ports_where_they_were_recorded_so():
    by_port = ToolMatcher(["GET 127.0.0.1:8000/find", "GET 127.0.0.1:8100/find"])
    assert by_port.tool("GET", "/find", "127.0.0.1:8100") == "GET 127.0.0.1:8100/find"
    by_host = ToolMatcher(["GET api.example.com/find", "GET 127.0.0.1/find"])
    assert by_host.tool("GET", "/find", "127.0.0.1:8100") == "GET 127.0.0.1/find"
    assert by_host.tool("GET", "/find", "[::1]:8100") == "GET api.example.com/find"


def test_a_stand_in_that_was_not_recorded_is_matched_by_path_alone():
    assert ToolMatcher(TOOLS).tool("GET", "/users/17", "127.0.0.1:9000") == "GET api.example.com/users/{id}"


def test_a_server_that_the_user_names_is_that_of_all():
    matcher = ToolMatcher(TOOLS, server="other.example.com")
    assert matcher.tool("GET", "/users/17", "api.example.com") == "GET other.example.com/users/{id}"
