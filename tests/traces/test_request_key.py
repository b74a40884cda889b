import re

import pytest

from earthwire.traces.request_key import request_key

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def test_a_key_is_16_hex_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", request_key("GET", "/"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("GET", "https://a.example/x?b=2&a=1"), ("get", "http://127.0.0.1:8900/x?a=1&b=2")),
        (("GET", "/x#top"), ("GET", "/x")),
        (("GET", "https://a.example"), ("GET", "/")),
        (("POST", "/x", b'{"b": 1, "a": [1, 2]}', JSON), ("POST", "/x", b'{"a":[1,2],"b":1}', JSON)),
        (("POST", "/x", b'{"b": 1}', None), ("POST", "/x", b'{"b":1}', JSON)),
        (("POST", "/x", b"b=2&a=1", FORM), ("POST", "/x", b"a=1&b=2", FORM)),
        (("POST", "/x", b"", JSON), ("POST", "/x", None, None)),
        (
            ("POST", "/mcp", b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"t":1},"a":2}}', JSON),
            ("POST", "/mcp", b'{"jsonrpc":"2.0","id":"7","method":"m","params":{"a":2}}', JSON),
        ),
    ],
)
def test_equal_requests_have_equal_keys(one: tuple, other: tuple) -> None:
    assert request_key(*one) == request_key(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("GET", "/x"), ("POST", "/x")),
        (("GET", "/x"), ("GET", "/y")),
        (("GET", "/x?a=1"), ("GET", "/x?a=2")),
        (("GET", "/x?a"), ("GET", "/x")),
        (("GET", "//x/y"), ("GET", "/y")),
        (("POST", "/x", b'{"id":1}', JSON), ("POST", "/x", b'{"id":2}', JSON)),
        (("POST", "/x", b'{"a":[1,2]}', JSON), ("POST", "/x", b'{"a":[2,1]}', JSON)),
        (("POST", "/x", b"a b", "text/plain"), ("POST", "/x", b"ab", "text/plain")),
        (("POST", "/x", b"{broken", JSON), ("POST", "/x", b"{broken2", JSON)),
    ],
)
def test_different_requests_have_different_keys(one: tuple, other: tuple) -> None:
    assert request_key(*one) != request_key(*other)


def test_keys_never_change() -> None:
    """Recorded files hold keys: a change here makes every recording unreplayable."""
    assert request_key("POST", "/x?b=2&a=1", b'{"a": 1}', JSON) == "3152eacfb41fe330"


def test_deep_and_huge_bodies_have_a_key() -> None:
    assert request_key("POST", "/x", b"[" * 100_000, JSON)
    assert request_key("GET", "/x?" + "a=1&" * 20_000)
