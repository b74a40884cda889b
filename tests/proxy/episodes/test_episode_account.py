import pytest

from earthwire.proxy.episodes.episode_account import TOOLS_MAX, EpisodeAccount
from earthwire.traces.record import TraceRecord

MS = 1_000_000


def record(outcome="ok", **fields) -> TraceRecord:
    return TraceRecord(**{"tool": "POST a/b", "outcome": outcome, "http_request_method": "POST"} | fields)


def test_calls_are_counted_by_kind_and_layer() -> None:
    account = EpisodeAccount()
    account.add(record(origin="upstream"), 0.1, None)
    account.add(record("http_error", http_response_status_code=503, origin="injected"), 0.1, None)
    account.add(record("rpc_error", rpc_response_status_code="-32603", origin="injected"), 0.1, None)
    assert account.call_count == 3
    assert account.outcomes == {"ok": 1, "http_5xx:503": 1, "rpc_error:-32603": 1}
    assert account.faults_by_layer == {"http": 1, "jsonrpc": 1}
    assert account.injected_count == 2
    assert account.tools == {"POST a/b": 3}


def test_three_latencies_are_added_up_apart() -> None:
    account = EpisodeAccount()
    for _ in range(2):
        account.add(record(duration_ns=30 * MS, plan_last_byte_ns=500 * MS), 0.001, None)
    assert account.latency.intended_s == pytest.approx(1.0)
    assert account.latency.virtual_s == pytest.approx(0.06)
    assert account.latency.achieved_s == pytest.approx(0.002)


def test_sizes_that_are_not_known_count_as_nothing() -> None:
    account = EpisodeAccount()
    account.add(record(http_request_body_size=5), 0.1, None)
    assert (account.request_body_bytes, account.response_body_bytes) == (5, 0)


def test_a_retry_is_recognised_by_its_arguments() -> None:
    account = EpisodeAccount()
    account.add(record("http_error", http_response_status_code=500), 0.1, "key")
    account.add(record(), 0.1, "key")
    counts = account.attempts.counts
    assert (counts.attempts, counts.logical_calls, counts.retries, counts.recovered) == (2, 1, 1, 1)


def test_what_a_client_makes_up_does_not_fill_memory() -> None:
    account = EpisodeAccount()
    for i in range(TOOLS_MAX + 5):
        account.add(record(tool=f"t{i}"), 0.1, None)
    assert len(account.tools) == TOOLS_MAX + 1
    assert account.tools["others"] == 5
