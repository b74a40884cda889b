"""Foreign web pages do not reach an MCP server through the proxy."""

import pytest

from earthwire.proxy.mcp.local_only import check_local
from earthwire.proxy.wire.refusal import RequestRefusedError

LOCAL = [b"127.0.0.1:8900", b"localhost", b"localhost:1", b"[::1]:8900", None]


@pytest.mark.parametrize("host", LOCAL)
@pytest.mark.parametrize("origin", [None, "http://localhost:3000", "https://127.0.0.1", "http://[::1]:9"])
def test_this_machine_may(host, origin):
    check_local(host, origin, is_public=False)


@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost.evil.example:80", b"127.0.0.1.evil.example", b"10.0.0.1"]
)
def test_a_name_that_leads_here_from_outside_may_not(host):
    with pytest.raises(RequestRefusedError) as caught:
        check_local(host, None, is_public=False)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost.evil.example", "http://[", ""]
)
def test_a_foreign_page_may_not(origin):
    with pytest.raises(RequestRefusedError) as caught:
        check_local(b"127.0.0.1:8900", origin, is_public=False)
    assert (caught.value.status, caught.value.code) == (403, "foreign_origin")


def test_a_public_proxy_is_reached_by_its_name_and_from_its_own_pages_only():
    check_local(b"tools.example", None, is_public=True)
    check_local(b"tools.example", "https://tools.example", is_public=True)
    with pytest.raises(RequestRefusedError):
        check_local(b"tools.example", "https://evil.example", is_public=True)
