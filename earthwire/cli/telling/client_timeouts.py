"""What commands say about time limits: what is inferred beyond them, and what a client of other patience would see."""

from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import milliseconds, percent

if TYPE_CHECKING:
    from earthwire.fault_models.profile import Profile

ClientTimeout = Annotated[
    float | None,
    typer.Option(
        "--client-timeout", min=0.001, max=1e6, help="Say how often a client would give up after SECONDS."
    ),
]

_TOOLS_SHOWN_MAX = 10


def limit_warnings(profile: "Profile") -> list[str]:
    """Return one sentence for each of the tools whose calls ran into time limits, worst first."""
    cut = [
        (name, table.extrapolation)
        for name, laws in profile.tools.items()
        for table in laws.latency.values()
        if table.extrapolation is not None
    ]
    cut.sort(key=lambda entry: -entry[1].share_beyond)
    sentences = []
    for name, inferred in cut[:_TOOLS_SHOWN_MAX]:
        low, high = inferred.band(2 * inferred.limit_s)
        sentences.append(
            f"{name}: {percent(inferred.share_beyond)} of the calls outlived the limit of "
            f"{milliseconds(inferred.limit_s)}; beyond it nothing was seen, and what the profile says is extrapolated "
            f"(beyond {milliseconds(2 * inferred.limit_s)}: {_band(low, high)})"
        )
    if len(cut) > _TOOLS_SHOWN_MAX:
        sentences.append(f"{len(cut) - _TOOLS_SHOWN_MAX} more tools ran into time limits")
    return sentences


def timeout_sentences(profile: "Profile", client_timeout_s: float) -> list[str]:
    """Return how often a client that leaves after `client_timeout_s` would give up, tools that suffer most first."""
    from earthwire.fault_models.conditions.client_timeout import timeout_share

    shares = {name: timeout_share(laws, client_timeout_s) for name, laws in profile.tools.items()}
    suffering = sorted(shares, key=lambda name: (-shares[name].share, name))
    sentences = []
    for name in suffering[:_TOOLS_SHOWN_MAX]:
        share = shares[name]
        note = ", extrapolated beyond all recorded limits" if share.is_extrapolated else ""
        sentences.append(
            f"{name}: a client that leaves after {milliseconds(client_timeout_s)} gives up "
            f"{percent(share.share)} of the calls ({_band(share.low, share.high)}{note})"
        )
    if len(suffering) > _TOOLS_SHOWN_MAX:
        sentences.append(f"{len(suffering) - _TOOLS_SHOWN_MAX} more tools, each with fewer")
    return sentences


def _band(low: float, high: float) -> str:
    return f"80 % band {percent(low)} to {percent(high)}"
