"""Compares recorded and simulated calls tool by tool."""

import msgspec

from earthwire.grounding.samples import distances
from earthwire.grounding.samples.outcome_mix import Rate, fault_rate, rates_agree
from earthwire.traces.columns.calls import Calls

TOOL_CALLS_MIN = 20
"""Timed calls of a tool that each side needs to be compared."""
KS_ALPHA = 0.01
"""How often independent calls of one law exceed the stated critical distance."""


class ToolComparison(msgspec.Struct, frozen=True):
    """Distances of one tool.

    Attributes:
        ks, ks_critical: distance of latencies, and the one that independent calls of one law exceed 1 % of the time.
        log_wasserstein: of latencies; 0.1 is off by about 10 % on average.
        quantile_ratios: simulated over real; None where too few calls.
        real, simulated: fault rates.
        agree: whether the fault rates may be the same.
    """

    tool: str
    real_calls: int
    simulated_calls: int
    ks: float
    ks_critical: float
    log_wasserstein: float
    quantile_ratios: dict[str, float | None]
    real: Rate
    simulated: Rate
    agree: bool


def compare_tools(real: Calls, simulated: Calls, confidence: float) -> list[ToolComparison]:
    """Return the comparison of each tool with enough timed calls on both sides, most simulated calls first.

    Args:
        real, simulated: calls under the same tool codes.
        confidence: level of the intervals of fault rates.
    """
    comparisons = []
    for code, tool in enumerate(real.tool_names):
        a, b = real.select(real.tool == code), simulated.select(simulated.tool == code)
        a_s, b_s = a.timed().latency_s, b.timed().latency_s
        if min(len(a_s), len(b_s)) < TOOL_CALLS_MIN:
            continue
        a_rate, b_rate = fault_rate(a, confidence), fault_rate(b, confidence)
        comparisons.append(
            ToolComparison(
                tool=tool,
                real_calls=len(a),
                simulated_calls=len(b),
                ks=distances.ks(a_s, b_s),
                ks_critical=distances.ks_critical(len(a_s), len(b_s), KS_ALPHA),
                log_wasserstein=distances.log_wasserstein(a_s, b_s),
                quantile_ratios=distances.quantile_ratios(b_s, a_s),
                real=a_rate,
                simulated=b_rate,
                agree=rates_agree(a_rate, b_rate),
            )
        )
    return sorted(comparisons, key=lambda c: -c.simulated_calls)
