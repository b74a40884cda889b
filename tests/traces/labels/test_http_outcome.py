import pytest

from earthwire.traces.labels.http_outcome import failure_outcome, http_outcome


@pytest.mark.parametrize(
    ("status", "content_type", "body", "expected"),
    [
        (200, "application/json", b"{}", "ok"),
        (304, None, None, "ok"),
        (404, "application/json", b"{}", "http_error"),
        (503, "text/html", b"<html></html>", "http_error"),
        (200, "application/json", b"<html></html>", "malformed"),
        (200, "application/json", b'{"a":', "malformed"),
        (200, "application/json", b'{"a":1}\n{"a":2}\n', "ok"),
        (200, "text/html", b"<html></html>", "ok"),
        (200, "application/json", b"", "ok"),
        (200, "application/json", None, "ok"),
    ],
)
def test_an_outcome_follows_from_status_and_promise(
    status: int, content_type: str | None, body: bytes | None, expected: str
) -> None:
    assert http_outcome(status, content_type, body) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net::ERR_CONNECTION_TIMED_OUT", "timeout"),
        ("context deadline exceeded", "timeout"),
        ("ETIMEDOUT", "timeout"),
        ("net::ERR_ABORTED", "cancelled"),
        ("request canceled", "cancelled"),
        ("ECONNRESET", "conn_error"),
        (None, "conn_error"),
    ],
)
def test_a_failure_is_told_by_its_text(text: str | None, expected: str) -> None:
    assert failure_outcome(text) == expected


def test_what_the_browser_itself_blocked_is_no_failed_connection() -> None:
    assert failure_outcome("net::ERR_BLOCKED_BY_CLIENT") == "cancelled"
    assert failure_outcome("net::ERR_BLOCKED_BY_RESPONSE") == "conn_error"
