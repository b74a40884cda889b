"""Of several upstreams, each has tools of its own: their keys name the server that was called."""

import pytest

from earthwire.proxy import PassThrough, ServeConfig
from earthwire.proxy.server import running_proxy
from earthwire.proxy.upstreams.upstream_url import distinct_servers
from earthwire.traces import read_all


@pytest.mark.parametrize(
    ("urls", "servers"),
    [
        (["http://127.0.0.1:8000"], [None]),
        (["http://a.example", "https://b.example"], ["a.example", "b.example"]),
        (["http://127.0.0.1:1", "http://127.0.0.1:2", "http://a"], ["127.0.0.1:1", "127.0.0.1:2", "a"]),
        (["http://[::1]:1", "http://[::1]:2"], ["[::1]:1", "[::1]:2"]),
        (["http://a/one", "http://a/two"], [None, None]),
        (["http://a/one", "http://a/two", "https://b"], ["a", "a", "b"]),
        ([], []),
    ],
)
def test_servers_are_told_apart_by_host_and_where_that_is_the_same_by_port(urls, servers) -> None:
    assert list(distinct_servers({f"u{i}": url for i, url in enumerate(urls)}).values()) == servers


@pytest.mark.parametrize("hosts", [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost")])
def test_recorded_tools_are_those_of_the_server_that_was_called(harness, play, hosts) -> None:
    """The key of all of them used to name the first upstream's host."""
    path = harness.folder / "records.jsonl"

    async def scenario() -> list[str]:
        async with harness.upstream(harness.response()) as one, harness.upstream(harness.response()) as two:
            urls = {
                name: f"http://{host}:{port}"
                for name, host, port in zip("ab", hosts, (one.port, two.port), strict=True)
            }
            config = ServeConfig(upstreams=urls, port=0, record_path=path)
            async with running_proxy(config, PassThrough("127.0.0.1"), harness.warnings.append) as proxy:
                for name in "ab":
                    await harness.talk(proxy.port, harness.get(f"/t/{name}/find"))
        return [f"GET {server}/find" for server in distinct_servers(urls).values()]

    expected = play(scenario())
    assert [record.tool for record in read_all([path])] == expected
    assert len(set(expected)) == 2
