"""Header fields: which are hop by hop, and what Connection says."""

import pytest

from earthwire.proxy.wire.headers import (
    HOP_BY_HOP,
    as_mapping,
    first_value,
    keeps_alive,
    serialise,
    tokens,
    without_named,
)


@pytest.mark.parametrize(
    ("version", "values", "expected"),
    [
        ("1.1", [], True),
        ("1.1", [b"close"], False),
        ("1.1", [b"x, CLOSE"], False),
        ("1.1", [b"keep-alive", b"close"], False),
        ("1.0", [], False),
        ("1.0", [b"Keep-Alive"], True),
        ("1.0", [b"keep-alive, close"], False),
    ],
)
def test_connection_stays_open_as_the_versions_say(version, values, expected):
    assert keeps_alive(version, values) == expected


def test_fields_that_connection_names_go_and_no_others():
    fields = [(b"X-A", b"1"), (b"x-b", b"2"), (b"X-a", b"3"), (b"Close", b"4")]
    assert without_named(fields, [b"x-a, Upgrade"]) == [(b"x-b", b"2"), (b"Close", b"4")]
    assert without_named(fields, [b"close"]) == fields
    assert without_named(fields, [b"keep-alive", b"X-B"]) == [fields[0], fields[2], fields[3]]


def test_order_case_and_duplicates_are_kept():
    fields = [(b"X-One", b"1"), (b"x-one", b""), (b"Y", b"a, b")]
    assert serialise(b"GET / HTTP/1.1\r\n", fields) == b"GET / HTTP/1.1\r\nX-One: 1\r\nx-one: \r\nY: a, b\r\n"
    assert as_mapping(fields) == {"x-one": ["1", ""], "y": ["a, b"]}


def test_first_value_is_found_in_any_case():
    fields = [(b"a", b"1"), (b"X-ONE", b"caf\xe9"), (b"x-one", b"2")]
    assert first_value(fields, b"x-one") == "café"
    assert first_value(fields, b"x-two") is None


def test_tokens_are_trimmed_and_lower_case():
    assert tokens(b" A,, b ,\tC\t") == [b"a", b"b", b"c"]


def test_hop_by_hop_fields_are_those_of_the_standard():
    """RFC 9110, section 7.6.1; trailers pass, and so does what announces them."""
    assert {b"connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"} <= HOP_BY_HOP
    assert {b"proxy-connection", b"proxy-authorization", b"proxy-authenticate"} <= HOP_BY_HOP
    assert not {b"trailer", b"content-length", b"authorization"} & HOP_BY_HOP
