"""What becomes of calls that do not end as planned: what the client is told, and what the record says."""

import time

from earthwire.proxy.performing.perform import Performance
from earthwire.proxy.recording.call_record import NANOSECONDS_PER_SECOND, Ending, origin_of
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.refusal import RequestRefusedError, UpstreamError, error_body, error_response
from earthwire.proxy.wire.request import Request
from earthwire.traces.record import TraceRecord

UNROUTED_TOOL = "unrouted"
"""Tool of records of requests that were refused before it was known where they lead."""


def ending_of_failure(performance: Performance, error: BaseException, *, stopping: bool) -> Ending | None:
    """Tell the client of a plan that could not be performed to its end.

    Args:
        performance: of the plan; it is broken off.
        error: what came in between.
        stopping: the proxy is being stopped.

    Returns:
        How the call ended; None for a hang that the client ended, as it was planned.

    Raises:
        CancelledError: if it was not the client's leaving that cancelled the call.
    """
    performance.cancel()
    if isinstance(error, UpstreamError):
        return _upstream_failed(performance, error)
    if isinstance(error, RequestRefusedError):
        return _refused(performance, error)
    if not performance.client.left:
        raise error
    if performance.aborted == "hang":
        return None
    return _stopped(performance) if stopping else _left(performance)


def send_error(client: ClientConnection, request: Request | None, status: int, code: str, text: str) -> None:
    """Send an error of our own.

    Args:
        client: connection to write to.
        request: that is answered; None where the connection ends after it in any case.
        status: HTTP status.
        code: short stable name of what is wrong.
        text: the same as a sentence.
    """
    if client.closed:
        return
    close = request is None or not request.headers.keep_alive or not request.body.complete
    with_body = request is None or request.line.method != "HEAD"
    client.transport.write(error_response(status, error_body(code, text), close=close, with_body=with_body))


def refused_record(request: Request | None, refusal: RequestRefusedError, epoch_ns: int) -> TraceRecord:
    """Return the record of a request that leads nowhere.

    Args:
        request: None where not even its head was understood.
        refusal: what was wrong with it.
        epoch_ns: nanoseconds since 1970 at monotonic time 0.
    """
    started_s = time.monotonic() if request is None else request.arrival_s
    return TraceRecord(
        tool=UNROUTED_TOOL,
        source_format="earthwire",
        http_request_method=None if request is None else request.line.method,
        start_time_unix_nano=epoch_ns + int(started_s * NANOSECONDS_PER_SECOND),
        vantage="proxy",
        latency_censoring="missing",
        outcome="http_error",
        http_response_status_code=refusal.status,
        error_type=refusal.code,
        error_message=refusal.text,
        origin="proxy",
    )


def _left(performance: Performance) -> Ending:
    """Return how a call ended whose client left.

    Whoever leaves after the head of an error has its answer, for which it waited as long as it did: many clients never
    read the body of one.
    """
    origin, status = origin_of(performance), performance.writer.status
    if status is not None and status >= 400:
        return Ending("http_error", origin, status, "client_left")
    return Ending("cancelled", origin, status, "client_left", censoring="right")


def _stopped(performance: Performance) -> Ending:
    return Ending(
        "cancelled", origin_of(performance), performance.writer.status, "proxy_stopped", censoring="right"
    )


def _upstream_failed(performance: Performance, error: UpstreamError) -> Ending:
    """Tell the client: by an error response, or by a cut one if the response has begun."""
    writer = performance.writer
    if writer.status is None:
        send_error(performance.client, performance.context.request, error.status, error.code, error.text)
        return Ending("http_error", "proxy", error.status, error.code, error.text)
    writer.flush()
    return Ending("conn_error", "upstream", writer.status, error.code, error.text)


def _refused(performance: Performance, refusal: RequestRefusedError) -> Ending:
    if performance.writer.status is None:
        request = performance.context.request
        send_error(performance.client, request, refusal.status, refusal.code, refusal.text)
    return Ending("http_error", "proxy", refusal.status, refusal.code, refusal.text)
