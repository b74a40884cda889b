"""What a model was asked beside the call that its client sees: rounds in which decoys that it called were answered."""

import msgspec

from earthwire.fault_models.reward.usage import usage_of

DECOY_ROUNDS_ATTRIBUTE = "earthwire.decoy_rounds"
"""Attribute of the record of a call to a model: what further rounds of it took."""


class DecoyRounds(msgspec.Struct, frozen=True):
    """Rounds of a call to a model that its client sees nothing of; they are paid for like any.

    Attributes:
        calls: number of them.
        input_tokens, output_tokens: that their answers state.
        body_bytes: of their requests and answers.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    body_bytes: int = 0

    def with_answer(self, answer: bytes, answer_bytes: int) -> "DecoyRounds":
        """Return the rounds with one more, whose request is counted by `with_request`.

        Args:
            answer: without its content coding.
            answer_bytes: of it on the wire.
        """
        usage = usage_of(answer)
        return DecoyRounds(
            self.calls + 1,
            self.input_tokens + usage.input_tokens,
            self.output_tokens + usage.output_tokens,
            self.body_bytes + answer_bytes,
        )

    def with_request(self, request_bytes: int) -> "DecoyRounds":
        """Return the rounds with the request of a further one."""
        return msgspec.structs.replace(self, body_bytes=self.body_bytes + request_bytes)


NO_ROUNDS = DecoyRounds()


class _Attributes(msgspec.Struct):
    rounds: DecoyRounds = msgspec.field(default=NO_ROUNDS, name=DECOY_ROUNDS_ATTRIBUTE)


_ATTRIBUTES = msgspec.json.Decoder(_Attributes)


def decoy_rounds_of(attributes: str | None) -> DecoyRounds:
    """Return the rounds that the attributes of a record tell of.

    >>> decoy_rounds_of('{"earthwire.decoy_rounds": {"calls": 2, "input_tokens": 9}}').calls
    2
    """
    if attributes is None or DECOY_ROUNDS_ATTRIBUTE not in attributes:
        return NO_ROUNDS
    try:
        return _ATTRIBUTES.decode(attributes).rounds
    except msgspec.DecodeError:
        return NO_ROUNDS
