"""URLs of upstreams, good and bad."""

import pytest

from earthwire.proxy.upstreams.upstream_url import parse_upstream


@pytest.mark.parametrize(
    ("url", "authority", "base_path"),
    [
        ("http://a", "a", ""),
        ("https://a:443/", "a", ""),
        ("http://a:8080/v1/", "a:8080", "/v1"),
        ("http://[::1]:8080", "[::1]:8080", ""),
        ("https://bücher.example", "xn--bcher-kva.example", ""),
    ],
)
def test_url_is_read(url, authority, base_path):
    upstream = parse_upstream(url)
    assert (upstream.authority, upstream.base_path) == (authority, base_path)


@pytest.mark.parametrize(
    "url", ["a:80", "ftp://a", "http://", "http://u@a", "http://a/?q", "http://a:99999", "http://a#f"]
)
def test_other_urls_are_refused_by_name(url):
    with pytest.raises(ValueError, match="upstream"):
        parse_upstream(url)


def test_socket_file_is_named_by_its_escaped_path():
    upstream = parse_upstream("http+unix://%2Frun%2Fmy%20tool.sock/v1/")
    assert (upstream.unix_path, upstream.base_path, upstream.authority) == (
        "/run/my tool.sock",
        "/v1",
        "localhost",
    )


@pytest.mark.parametrize(
    "url", ["http+unix://tool.sock", "http+unix://%2Frun%00", "http+unix:///run/tool.sock"]
)
def test_socket_files_need_an_absolute_path(url):
    with pytest.raises(ValueError, match="upstream"):
        parse_upstream(url)
