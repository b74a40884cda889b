"""An exchange with a model whose request listed decoys: their calls are answered here, unseen by the client.

1. The answer is read whole, within a bound, before its head goes on: a stream comes in one burst then, or as its plan
   spreads it. One that is too long to be held, or that is no good JSON or stream, passes as it comes.
2. The model is asked again at most `ROUNDS_MAX` times a call. An error that it answers to a further round is the
   client's to see, as is an upstream that fails there.
3. What a further round took is noted apart (`rounds`): it costs, and the client's answer does not tell of it.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from earthwire.fault_models.action import CarriedOn, HiddenTurns, Listing, Passed, after_answer, turns_of
from earthwire.fault_models.reward.decoy_rounds import NO_ROUNDS
from earthwire.proxy.exchanges.changed_exchange import HeldExchange
from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.content_coding import decoded, encoded
from earthwire.proxy.wire.exchange import Exchange, ResponseHead
from earthwire.traces.labels.body_class import is_event_stream

ROUNDS_MAX = 4
"""Times that a model is asked again within one call; who calls decoys five times in a row will do so again."""

Ask = Callable[[bytes], Awaitable[Exchange]]
"""Sends a body where the request went."""
Hide = Callable[[Sequence[str], HiddenTurns], None]
"""Keeps what a client that gets some calls does not get."""


class ModelExchange(HeldExchange):
    """Stands before the exchange with a model.

    Args:
        inner: with the source behind.
        ask: asks the model again.
        hide: keeps what is hidden from the client.
        listing: the decoys that the request lists.
        request: decoded, as the model got it.
        notes: what was done to the request.
        limits: bound on an answer that is held.
    """

    __slots__ = ("_ask", "_hide", "_listing", "_request", "_turn_count")

    def __init__(
        self,
        inner: Exchange,
        ask: Ask,
        hide: Hide,
        listing: Listing,
        request: dict[str, object],
        notes: dict[str, int],
        limits: Limits,
    ) -> None:
        super().__init__(inner, notes, limits)
        self._ask = ask
        self._hide = hide
        self._listing = listing
        self._request = request
        self._turn_count = len(turns_of(listing.form, request))

    async def head(self) -> ResponseHead:
        """Return the head of the answer that the client gets."""
        rounds_left = ROUNDS_MAX
        while True:
            head = await self._inner.head()
            data = await self._hold(head)
            if data is None:
                return head
            plain = decoded(data, head.content_encoding, self._bytes_max) or b""
            is_stream = is_event_stream(head.content_type)
            found = after_answer(self._listing, self._request, plain, is_stream, rounds_left > 0)
            self._note(found.called)
            if isinstance(found, Passed):
                return self._passed(head, data, found)
            rounds_left -= 1
            await self._carry_on(found, plain, len(data))

    def _passed(self, head: ResponseHead, data: bytes, found: Passed) -> ResponseHead:
        before = tuple(turns_of(self._listing.form, self._request)[self._turn_count :])
        if found.own and (before or found.hidden.calls):
            self._hide(found.own, msgspec.structs.replace(found.hidden, before=before))
        return self._send(head, data if found.body is None else encoded(found.body, head.content_encoding))

    async def _carry_on(self, found: CarriedOn, answer: bytes, answer_bytes: int) -> None:
        rounds = self.rounds or NO_ROUNDS
        self.rounds = rounds.with_answer(answer, answer_bytes).with_request(len(found.body))
        self._request = found.request
        self._inner.finish()
        self._inner = await self._ask(found.body)

    def _note(self, called: int) -> None:
        if called:
            self.notes["decoys_called"] = self.notes.get("decoys_called", 0) + called
