"""What becomes of a model's answer to a request that listed decoys: it passes, is changed, or is carried on.

1. An answer without calls of decoys passes, byte by byte.
2. Where calls of decoys go to the tools that they imitate (``forward``), the client gets them under those names.
3. An answer that calls nothing but decoys is carried on: the model is told the results, and asked again.
4. Of an answer that calls tools of the client as well, the client gets those calls; the others are hidden until it
   sends the turn back, as are the turns before (`earthwire.fault_models.action.model_turns`).
5. Once it was carried on often enough, calls of decoys are taken out, and the answer ends as one without calls.
"""

from collections.abc import Mapping

import msgspec

from earthwire.fault_models.action.decoys import Decoy, DecoyAnswer
from earthwire.fault_models.action.model_answer import (
    JsonObject,
    ModelCall,
    ModelForm,
    model_calls,
    with_names,
    without_calls,
)
from earthwire.fault_models.action.model_stream import StreamEvent, assembled, stream_bytes, stream_events
from earthwire.fault_models.action.model_stream_edit import stream_with_names, stream_without
from earthwire.fault_models.action.model_turns import HiddenTurns, carried_on, decoy_result
from earthwire.fault_models.observation.json_text import read_json, write_json


class Listing(msgspec.Struct, frozen=True):
    """The decoys on the list of tools of a request.

    Attributes:
        form: of request and answer.
        decoys: by name.
        answer: what a call of one gets.
    """

    form: ModelForm
    decoys: Mapping[str, Decoy]
    answer: DecoyAnswer


class Passed(msgspec.Struct, frozen=True):
    """The answer is the client's.

    Attributes:
        body: what it gets; None for the answer as it came.
        called: calls of decoys in it.
        hidden: what was taken out of it.
        own: ids of the calls that are the client's.
    """

    body: bytes | None = None
    called: int = 0
    hidden: HiddenTurns = HiddenTurns()
    own: tuple[str, ...] = ()


class CarriedOn(msgspec.Struct, frozen=True):
    """The model is to be asked again.

    Attributes:
        request: what to ask, decoded.
        body: the same as bytes.
        called: calls of decoys in the answer.
    """

    request: JsonObject
    body: bytes
    called: int


def after_answer(
    listing: Listing, request: JsonObject, body: bytes, is_stream: bool, may_carry_on: bool
) -> Passed | CarriedOn:
    """Return what becomes of an answer.

    Args:
        listing: the decoys that the request listed.
        request: that was answered.
        body: of the answer.
        is_stream: it comes as events.
        may_carry_on: the model may be asked again.
    """
    events = stream_events(body) if is_stream else []
    answer = assembled(listing.form, events) if is_stream else read_json(body)
    calls = model_calls(listing.form, answer)
    decoys = [call for call in calls if call.name in listing.decoys]
    if not decoys or not isinstance(answer, dict):
        return Passed(own=tuple(call.id for call in calls))
    try:
        return _judged(listing, request, answer, events, calls, decoys, may_carry_on)
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON allows as an escape and UTF-8 does not.
        return Passed(called=len(decoys))


def _judged(
    listing: Listing,
    request: JsonObject,
    answer: JsonObject,
    events: list[StreamEvent],
    calls: list[ModelCall],
    decoys: list[ModelCall],
    may_carry_on: bool,
) -> Passed | CarriedOn:
    form = listing.form
    if listing.answer == "forward":
        names = {call.place: listing.decoys[call.name].imitates for call in decoys}
        named = stream_bytes(stream_with_names(form, events, names)) if events else None
        return Passed(named or write_json(with_names(form, answer, names)), len(decoys))
    results = [decoy_result(listing.decoys[call.name], listing.answer) for call in decoys]
    own = [call for call in calls if call.name not in listing.decoys]
    if not own and may_carry_on:
        further = carried_on(form, request, answer, decoys, results)
        return CarriedOn(further, write_json(further), len(decoys))
    places = frozenset(call.place for call in decoys)
    left = stream_bytes(stream_without(form, events, places, bool(own))) if events else None
    return Passed(
        left or write_json(without_calls(form, answer, places)),
        len(decoys),
        HiddenTurns(tuple(decoys), tuple(results)),
        tuple(call.id for call in own),
    )
