"""One call on its way through mitmproxy: when it came, what was drawn for it, and how it ended."""

import asyncio
import contextlib
import time

import msgspec

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import plan_digest
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.labels.body_class import classify_body
from earthwire.traces.labels.http_outcome import http_outcome
from earthwire.traces.labels.outcome_kind import outcome_of_kind, refinement_of_kind
from earthwire.traces.record import Origin, Outcome

_NANOSECONDS_PER_SECOND = 1_000_000_000


class ClientLeftError(ConnectionError):
    """The client closed its connection before the call was over."""


class InterceptedCall:
    """One call.

    Attributes:
        aborted: the plan ended its connection.
        altered: the response is not, or not wholly, what the upstream sent.
        notes: what its record says beside the conditions of its plan.

    Args:
        episode: the agent run it belongs to.
        tool: key that calls are grouped by.
        method: of the request.
        host: name of the tool's host.
        planner: that drew.
        drawn: what is planned.
        arrival_s: when the request began to arrive (monotonic).
        client_left: set when the client's connection is gone.
    """

    def __init__(
        self,
        *,
        episode: str,
        tool: str,
        method: str,
        host: str,
        planner: Planner,
        drawn: Drawn,
        arrival_s: float,
        client_left: asyncio.Event,
    ) -> None:
        self.episode = episode
        self.tool = tool
        self.method = method
        self.host = host
        self.drawn = drawn
        self.arrival_s = arrival_s
        self.aborted = False
        self.altered = False
        self.notes: dict[str, object] = {}
        self._planner = planner
        self._client_left = client_left

    async def wait_until(self, since_arrival_s: float) -> None:
        """Wait until so many seconds after the arrival, never less.

        Raises:
            ClientLeftError: as soon as the client leaves.
        """
        due_s = self.arrival_s + since_arrival_s
        while (left_s := due_s - time.monotonic()) > 0 and not self._client_left.is_set():
            try:
                # A timer of the loop may ring a little early; then the rest is waited for.
                await asyncio.wait_for(self._client_left.wait(), left_s)
            except TimeoutError:
                continue
        if self._client_left.is_set():
            raise ClientLeftError

    async def hang(self, limit_s: float) -> None:
        """Wait until the client leaves, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._client_left.wait(), limit_s)

    def record(
        self, status: int | None, content_type: str | None, body: bytes | None, failure: Outcome | None
    ) -> ServedRecord:
        """Return its trace record, now that it is over.

        Args:
            status: that the client got, or None.
            content_type: of the response.
            body: that the client got, without content coding; None if there was none or it was streamed.
            failure: how it ended if not by a whole response.
        """
        plan = self.drawn.plan
        duration_ns = int((time.monotonic() - self.arrival_s) * _NANOSECONDS_PER_SECOND)
        due_ns = int(plan.last_byte_s * _NANOSECONDS_PER_SECOND)
        origin: Origin = "injected" if self.aborted or self.altered else "upstream"
        body_class = None if body is None else classify_body(body, content_type)
        outcome = failure or _outcome(plan.outcome, origin, status, content_type, body)
        is_timed = failure is None and due_ns > 0
        return ServedRecord(
            tool=self.tool,
            session_id=self.episode,
            http_request_method=self.method,
            server_address=self.host,
            start_time_unix_nano=time.time_ns() - duration_ns,
            duration_ns=duration_ns,
            vantage="proxy",
            latency_censoring="right" if failure == "cancelled" else "none",
            outcome=outcome,
            http_response_status_code=status,
            error_type=_error_type(plan.outcome, origin, failure),
            http_response_body_size=None if body is None else len(body),
            content_type=content_type,
            body_class=body_class,
            origin=origin,
            episode=self.episode,
            call_index=self.drawn.call_index,
            seed=self._planner.seed,
            profile_hash=self._planner.profile_hash,
            plan_outcome=plan.outcome,
            plan_support=plan.support,
            plan_first_byte_ns=int(plan.first_byte_s * _NANOSECONDS_PER_SECOND),
            plan_last_byte_ns=due_ns,
            plan_digest=plan_digest(plan),
            lateness_ns=duration_ns - due_ns if is_timed else None,
            attributes=self._attributes(),
        )

    def _attributes(self) -> str | None:
        conditions = self.drawn.conditions
        if not self.notes:
            return conditions
        values = msgspec.json.decode(conditions, type=dict[str, object]) if conditions else {}
        return msgspec.json.encode(values | self.notes).decode()


def _outcome(
    kind: str, origin: Origin, status: int | None, content_type: str | None, body: bytes | None
) -> Outcome:
    planned = outcome_of_kind(kind) if origin == "injected" else "ok"
    if planned != "ok" or status is None:
        return planned
    return http_outcome(status, content_type, body)


def _error_type(kind: str, origin: Origin, failure: Outcome | None) -> str | None:
    if failure is not None:
        return "client_left" if failure == "cancelled" else failure
    return refinement_of_kind(kind) if origin == "injected" else None
