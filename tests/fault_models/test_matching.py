import pytest

from earthwire.fault_models.matching import ToolMatcher

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
