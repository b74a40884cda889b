"""An upstream that answers from recordings."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Literal

import msgspec

from earthwire.fault_models.plan import Plan, RelayBody, RelayHead, Wait
from earthwire.proxy.limits import Limits
from earthwire.proxy.upstreams.recorded_answer import RecordedAnswer, recorded_answer
from earthwire.proxy.wire.body import NO_BODY, Body, complete_body
from earthwire.proxy.wire.exchange import Exchange, ResponseHead, Source
from earthwire.proxy.wire.headers import HOP_BY_HOP, Fields, first_value, serialise
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import Request
from earthwire.traces.labels.body_class import is_stream_type
from earthwire.traces.labels.outcome_kind import kind_of_record
from earthwire.traces.record import TraceRecord
from earthwire.traces.replay import Hit, Miss, ReplayCursor, ReplayIndex, recorded_body

MissPolicy = Literal["error", "forward", "nearest"]
"""What answers a request that was never recorded: a 404, the live upstream, or the most similar recording."""

ReplayTiming = Literal["recorded", "calibrated"]
"""When a recorded response leaves: as late as it was recorded, or as late as the plan that was drawn says."""

_WARNINGS_MAX = 1000
_NOT_REPLAYED = HOP_BY_HOP | {b"content-length", b"content-encoding"}
_NANOSECONDS_PER_SECOND = 1e9


class ReplayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How recordings answer.

    Attributes:
        index: the recordings.
        miss: what answers a request that was never recorded.
        timing: when responses leave.
        url: of the live upstream, for the miss policy ``forward``.
    """

    index: ReplayIndex
    miss: MissPolicy = "error"
    timing: ReplayTiming = "recorded"
    url: str | None = None


class ReplaySource:
    """Answers from recordings: the n-th identical call of an episode gets the n-th recording.

    Args:
        config: the recordings and what to do without one.
        live: where misses go under the policy ``forward``, else None.
        limits: bounds on bodies and episodes.
        warn: takes a warning for each request that was never recorded.
    """

    def __init__(
        self, config: ReplayConfig, live: Source | None, limits: Limits, warn: Callable[[str], None]
    ) -> None:
        self._config = config
        self._live = live
        self._limits = limits
        self._warn = warn
        self._warned: set[str] = set()
        self._cursors: dict[str, ReplayCursor] = {}
        self._heads: dict[int, ResponseHead] = {}
        self._answers: dict[int, RecordedAnswer | None] = {}

    @property
    def server_address(self) -> str | None:
        """Host name of the live upstream, if there is one."""
        return None if self._live is None else self._live.server_address

    async def check(self) -> None:
        """Check the live upstream, if there is one."""
        if self._live is not None:
            await self._live.check()

    async def forward(self, request: Request, target: str, episode: str) -> Exchange:
        """Find the recording that answers a request (see `earthwire.proxy.wire.exchange.Source`)."""
        body, content_type = b"", None
        if request.body is not NO_BODY:
            body = await self._whole(request.body)
            content_type = first_value(request.headers.fields, b"content-type")
        found = self._config.index.match(
            request.line.method, target, body, content_type, self._cursor(episode)
        )
        if isinstance(found, Hit):
            return self._recorded(found.record, found.body)
        self._warn_once(f"{request.line.method} {target}: {found}")
        return await self._answer_miss(
            found, msgspec.structs.replace(request, body=complete_body(body)), target, episode
        )

    def recordings(self, key: str) -> Sequence[TraceRecord]:
        """Return the recordings of a request, by its key."""
        return self._config.index.recordings(key)

    def answer_at_once(
        self, key: str, recordings: Sequence[TraceRecord], episode: str
    ) -> RecordedAnswer | None:
        """Return the recording that answers a request next, if it leaves in one piece.

        None leaves the request to `forward`: the episode has not had the recording then.

        Args:
            key: of the request.
            recordings: of the request, at least one.
            episode: that makes it.
        """
        counts = (self._cursors.get(episode) or self._cursor(episode)).counts
        call_index, count = counts[key], len(recordings)
        position = call_index if call_index < count else self._config.index.position(call_index, count)
        record = recordings[position]
        answer = self._answers.get(id(record)) or self._prepared(record)
        if answer is not None:
            counts[key] = call_index + 1
        return answer

    def _prepared(self, record: TraceRecord) -> RecordedAnswer | None:
        if id(record) in self._answers:
            return None
        body = recorded_body(record)
        answer = recorded_answer(self._head(record, body), body, self._plan(record))
        self._answers[id(record)] = answer
        return answer

    async def _whole(self, body: Body) -> bytes:
        bytes_max = self._limits.whole_body_bytes_max
        data = await body.read_all(bytes_max)
        if data is None:
            text = f"a request that is looked up in recordings has at most {bytes_max} bytes"
            raise RequestRefusedError(413, "body_too_long", text)
        return data

    def forget(self, episode: str) -> None:
        """Start an episode anew: its next call gets the first recording again."""
        self._cursors.pop(episode, None)

    def retire(self) -> None:
        """Release the connections of the live upstream as soon as nobody uses them."""
        if self._live is not None:
            self._live.retire()

    def close(self) -> None:
        """Release the connections of the live upstream."""
        if self._live is not None:
            self._live.close()

    async def _answer_miss(self, miss: Miss, request: Request, target: str, episode: str) -> Exchange:
        if self._config.miss == "forward" and self._live is not None:
            return await self._live.forward(request, target, episode)
        if self._config.miss == "nearest" and miss.nearest is not None:
            return self._recorded(miss.nearest, recorded_body(miss.nearest))
        raise RequestRefusedError(404, "no_recording", str(miss))

    def _recorded(self, record: TraceRecord, body: bytes) -> "RecordedExchange":
        return RecordedExchange(self._head(record, body), body, self._plan(record))

    def _head(self, record: TraceRecord, body: bytes) -> ResponseHead:
        # By identity: the records stay where they are, in the index.
        head = self._heads.get(id(record))
        if head is None:
            head = self._heads[id(record)] = recorded_head(record, len(body))
        return head

    def _plan(self, record: TraceRecord) -> Plan | None:
        return recorded_plan(record) if self._config.timing == "recorded" else None

    def _cursor(self, episode: str) -> ReplayCursor:
        cursor = self._cursors.get(episode)
        if cursor is None:
            if len(self._cursors) >= self._limits.episodes_max:
                del self._cursors[next(iter(self._cursors))]
            cursor = self._cursors[episode] = ReplayCursor()
        return cursor

    def _warn_once(self, text: str) -> None:
        if text not in self._warned and len(self._warned) < _WARNINGS_MAX:
            self._warned.add(text)
            self._warn(text)


class RecordedExchange:
    """An exchange that was answered before it began.

    Args:
        head: of the response.
        body: of the response.
        plan: when it leaves, or None to leave that to the plan that was drawn.
    """

    origin: Literal["replay"] = "replay"

    __slots__ = ("_head", "body", "recorded_plan")

    def __init__(self, head: ResponseHead, body: bytes, plan: Plan | None) -> None:
        self._head = head
        self.body: Body = complete_body(body)
        self.recorded_plan = plan

    async def head(self) -> ResponseHead:
        """Return the recorded head."""
        return self._head

    def pass_up(self, body: Body) -> None:
        """Drop what the client says: a recording cannot answer it."""
        body.discard()

    def finish(self) -> None:
        """Do nothing: no upstream was asked."""

    def cancel(self) -> None:
        """Do nothing: no upstream was asked."""


def recorded_head(record: TraceRecord, body_bytes: int) -> ResponseHead:
    """Return the head of a recorded response, with a length that fits the body as it was kept."""
    status = record.http_response_status_code
    assert status is not None, "the index holds records with a response only"
    fields: Fields = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, values in (record.http_response_header or {}).items()
        for value in values
        if name.encode("latin-1") not in _NOT_REPLAYED
    ]
    content_type = record.content_type
    if content_type is not None and first_value(fields, b"content-type") is None:
        fields.append((b"content-type", content_type.encode("latin-1")))
    if status not in (204, 304):
        fields.append((b"content-length", b"%d" % body_bytes))
    retry_after = first_value(fields, b"retry-after")
    return ResponseHead(
        status=status,
        start=serialise(b"HTTP/1.1 %d %b\r\n" % (status, _reason(status)), fields),
        fields=fields,
        content_length=body_bytes,
        chunked=False,
        keep_alive=True,
        bodiless=status in (204, 304),
        sized=status not in (204, 304) and body_bytes > 0,
        content_type=content_type,
        content_encoding=None,
        retry_after=None if retry_after is None else retry_after.encode("latin-1"),
        streams=is_stream_type(content_type),
    )


def recorded_plan(record: TraceRecord) -> Plan:
    """Return the plan that repeats a recorded response at its recorded times; at once where they are not known."""
    last_ns = record.duration_ns if record.duration_ns is not None else record.ttfb_ns or 0
    first_ns = min(record.ttfb_ns if record.ttfb_ns is not None else last_ns, last_ns)
    first_s, last_s = first_ns / _NANOSECONDS_PER_SECOND, last_ns / _NANOSECONDS_PER_SECOND
    kind = kind_of_record(record)
    return Plan(kind, first_s, last_s, (Wait(first_s), RelayHead(), RelayBody(last_s)), "tool")


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
