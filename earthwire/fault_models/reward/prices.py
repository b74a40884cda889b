"""What a call costs: a table of prices, and one call's charges with a name for each."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

ChargeName = Literal["calls", "bytes", "seconds", "tokens", "duplicate_effects", "ignored_retry_after"]

BYTES_PER_KB = 1000


class Price(msgspec.Struct, frozen=True):
    """What a call costs, in any unit.

    Attributes:
        per_call: fee.
        per_kb: for each 1000 bytes of both bodies.
        per_second: for each second until the last byte.
        per_input_token, per_output_token: for each token that a model reads or writes.
    """

    per_call: float = 0.0
    per_kb: float = 0.0
    per_second: float = 0.0
    per_input_token: float = 0.0
    per_output_token: float = 0.0


class Penalties(msgspec.Struct, frozen=True):
    """What an agent should not do costs.

    Attributes:
        duplicate_effect: repeating a call that changes something, although it may have worked.
        ignored_retry_after: calling a tool again before its ``Retry-After`` is over.
    """

    duplicate_effect: float = 0.0
    ignored_retry_after: float = 0.0


class PriceTable:
    """Prices of all tools.

    Args:
        default: of tools that no pattern fits.
        tools: by name pattern; the longest that fits counts, the first in alphabetical order of equally long ones.
    """

    def __init__(self, default: Price, tools: Mapping[str, Price]) -> None:
        self._default = default
        self._tools = sorted(tools.items(), key=lambda item: (-len(item[0]), item[0]))

    def price(self, tool: str) -> Price:
        """Return the price of a tool."""
        return next((price for pattern, price in self._tools if fnmatchcase(tool, pattern)), self._default)


class CallFacts(msgspec.Struct, frozen=True):
    """One call that is over, as far as it costs something.

    Attributes:
        tool: key that calls are grouped by.
        start_s, end_s: seconds on any clock that all calls of the episode share.
        latency_s: as the agent is to count it; on a virtual clock more than what passed.
        body_bytes: of request and response together.
        input_tokens, output_tokens: of a model call, with those of its decoy rounds; so are bytes.
        succeeded: the caller got what it asked for.
        retry_after_s: the answer asks to wait so long, or None.
        repeats_effect: it repeats a call that changes something and that worked, or may have.
        decoy_rounds: times that the model was asked again since it had called decoys; each is a call to pay for.
    """

    tool: str
    start_s: float
    end_s: float
    latency_s: float
    body_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    succeeded: bool = True
    retry_after_s: float | None = None
    repeats_effect: bool = False
    decoy_rounds: int = 0


def usage_charges(price: Price, call: CallFacts) -> dict[ChargeName, float]:
    """Return what the use itself costs; penalties come from what went before."""
    return {
        "calls": price.per_call * (1 + call.decoy_rounds),
        "bytes": price.per_kb * call.body_bytes / BYTES_PER_KB,
        "seconds": price.per_second * call.latency_s,
        "tokens": price.per_input_token * call.input_tokens + price.per_output_token * call.output_tokens,
    }
