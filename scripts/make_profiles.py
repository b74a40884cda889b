"""Makes the profiles that are shipped by name: packs learned from recorded calls, and taxonomies that papers publish.

Run from the repository's root, with the development data beside it; names make only those:

    python scripts/make_profiles.py ../shared/data [NAME...]

A pack holds figures: how often what happened and how long it took, with the count behind each. It holds no recorded
body. The taxonomies are hand-picked, re-implemented from what their papers describe; their rates are choices.
"""

import argparse
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from earthwire.config.profile_file import profile_text
from earthwire.fault_models.grouping import upstream
from earthwire.fault_models.intervals import Intervals
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.profile import Profile, Provenance, Source, ToolLaws
from earthwire.grounding.calibrate import calibrate
from earthwire.traces import TraceRecord, read_parquet
from earthwire.traces.columns.calls import calls_from_records

FOLDER = Path(__file__).parents[1] / "earthwire" / "config" / "profiles"
TOOLS_MAX = 30
"""Tools that a pack names: the busiest ones. All calls count towards the laws of any other tool."""
PROBES_A_SESSION = 10
"""Probe series have no sessions; so many probes of one site in a row stand for one."""
SIZE_BYTES_MAX = 250_000


class Pack(NamedTuple):
    """One profile learned from recorded calls.

    Attributes:
        folder: of the data.
        records: takes the records that are used, as they are used.
        licence: of the traces.
        cannot_tell: what they cannot say.
    """

    folder: str
    records: Callable[[Path], Iterator[TraceRecord]]
    licence: str
    cannot_tell: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the development data")
    parser.add_argument("name", nargs="*", help="profiles to make; all without any")
    arguments = parser.parse_args()
    data, names = arguments.data, arguments.name
    unknown = [name for name in names if name not in (*PACKS, *TAXONOMIES)]
    if unknown:
        parser.error(f"no profile {unknown[0]!r}; there is {', '.join((*PACKS, *TAXONOMIES))}")
    for name, pack in PACKS.items():
        if not names or name in names:
            _write(name, _learned(pack, data))
    for name, (laws, note) in TAXONOMIES.items():
        if not names or name in names:
            _write(name, _hand_picked(laws, note))


def _write(name: str, profile: Profile) -> None:
    text = profile_text(profile)
    assert len(text.encode()) <= SIZE_BYTES_MAX, f"{name}: {len(text.encode())} bytes"
    (FOLDER / f"{name}.yaml").write_text(text, "utf-8")
    print(f"{name}: {profile.provenance.calls} calls, {len(profile.tools)} tools, {len(text.encode())} bytes")


def _learned(pack: Pack, data: Path) -> Profile:
    path = data / pack.folder / "records.parquet"
    records = [_bare(record) for record in pack.records(path)]
    calls = calls_from_records(records)
    profile = calibrate(calls, engine="compact")
    busiest = sorted(profile.tools, key=lambda tool: (-profile.tools[tool].calls, tool))[:TOOLS_MAX]
    source = Source(
        f"{pack.folder}/{path.name}", "parquet", hashlib.sha256(path.read_bytes()).hexdigest(), len(records)
    )
    provenance = Provenance(
        sources=(source,),
        calls=len(calls),
        sessions=calls.session_count,
        latency_measure=calls.measure,
        cannot_tell=pack.cannot_tell,
        licence=pack.licence,
    )
    return msgspec.structs.replace(
        profile,
        tools={tool: profile.tools[tool] for tool in busiest},
        intervals=None if profile.intervals is None else _of_tools(profile.intervals, busiest),
        provenance=provenance,
    )


def _of_tools(intervals: Intervals, tools: list[str]) -> Intervals:
    """Return the intervals of some tools, of their upstreams, and of all calls together."""
    upstreams = {upstream(tool) for tool in tools}
    return msgspec.structs.replace(
        intervals,
        tools={name: found for name, found in intervals.tools.items() if name in tools},
        upstreams={name: found for name, found in intervals.upstreams.items() if name in upstreams},
    )


def _bare(record: TraceRecord) -> TraceRecord:
    """Return a record without anything but its figures."""
    return TraceRecord(
        tool=record.tool,
        session_id=record.session_id,
        seq=record.seq,
        start_time_unix_nano=record.start_time_unix_nano,
        start_time_resolution_ns=record.start_time_resolution_ns,
        duration_ns=record.duration_ns,
        ttfb_ns=record.ttfb_ns,
        latency_censoring=record.latency_censoring,
        latency_limit_ns=record.latency_limit_ns,
        outcome=record.outcome,
        http_response_status_code=record.http_response_status_code,
        retry_after_s=record.retry_after_s,
        body_class=record.body_class,
    )


def _all(path: Path) -> Iterator[TraceRecord]:
    return iter(read_parquet(path))


def _live_tools(path: Path) -> Iterator[TraceRecord]:
    """Leave out the benchmark's own tool that looks tools up."""
    return (record for record in read_parquet(path) if record.tool != "route")


def _without_finish(path: Path) -> Iterator[TraceRecord]:
    """Leave out the pseudo tool that ends a task."""
    return (record for record in read_parquet(path) if record.tool != "Finish")


def _probes(path: Path) -> Iterator[TraceRecord]:
    """Yield the permissively licensed probes; a check that is an alarm on load is no fault."""
    counts: dict[str, int] = {}
    probes = [r for r in read_parquet(path) if (r.source_ref or "").startswith("d33bs/upptime-curc")]
    for record in sorted(probes, key=lambda r: (r.tool, r.start_time_unix_nano or 0)):
        if "utilization threshold" in record.tool:
            continue
        n = counts[record.tool] = counts.get(record.tool, -1) + 1
        site = "-".join(re.findall("[a-z0-9]+", record.tool.removeprefix("d33bs: ").lower()))
        tool = f"GET {record.server_address}/{site}"
        yield msgspec.structs.replace(record, tool=tool, session_id=f"{site}/{n // PROBES_A_SESSION}", seq=n)


_NO_TRANSPORT = (
    "Recorded test sessions hold no transport errors, and their times end at the response headers."
)
PACKS = {
    "cloud-api": Pack(
        "dev_scaleway",
        _all,
        "figures from MPL-2.0 (scaleway/terraform-provider-scaleway) and Apache-2.0 (scaleway/scaleway-cli)",
        (_NO_TRANSPORT, "Most 404 are the expected end of polling until something is gone."),
    ),
    "identity-api": Pack(
        "dev_auth0",
        _all,
        "figures from MPL-2.0 (auth0/terraform-provider-auth0) test cassettes",
        (_NO_TRANSPORT,),
    ),
    "saas-api": Pack(
        "dev_jupiterone_har",
        _all,
        "figures from MPL-2.0 (JupiterOne/graph-*) test recordings",
        ("Many 401, 403 and 404 are staged by the tests; server errors are too few to be a rate.",),
    ),
    "llm-api": Pack(
        "dev_llmperf",
        _all,
        "Apache-2.0 (ray-project/llmperf-leaderboard)",
        (
            "One session of 150 requests an endpoint, in December 2023: today's providers are faster.",
            "Requests have no start times, so a window of the rate limit has no length in seconds.",
        ),
    ),
    "mcp-live": Pack(
        "dev_livemcp",
        _live_tools,
        "Apache-2.0 (icip-cas/LiveMCPBench)",
        ("No latency was recorded: its tools answer at once.", "In-band error texts are a lower bound."),
    ),
    "web-api-outages": Pack(
        "dev_upptime",
        _probes,
        "MIT (d33bs/upptime-curc)",
        (
            "Probes retry before they report: faults shorter than about 20 s are filtered out.",
            "The time of failed connections is lost.",
        ),
    ),
    "public-tools": Pack(
        "dev_toolbench_sample",
        _without_finish,
        "Apache-2.0 (OpenBMB/ToolBench)",
        (
            "No latency was recorded: its tools answer at once.",
            "Observations repeat across branches of a search.",
        ),
    ),
}

_CALLS = 10_000
"""Weight of a hand-picked rate: so many that nothing else shifts it."""


def _independent(shares: dict[str, float]) -> OutcomeCounts:
    """Return counts under which every call fails alike, whatever came before."""
    counts = {kind: round(share * _CALLS) for kind, share in shares.items()}
    counts["ok"] = _CALLS - sum(counts.values())
    return OutcomeCounts(dict.fromkeys(("start", *counts), counts))


def _sticky(shares: dict[str, float]) -> OutcomeCounts:
    """Return counts under which a fault, once it came, never goes away."""
    first = _independent(shares).after["start"]
    stuck = {kind: {kind: _CALLS} for kind in shares}
    return OutcomeCounts({"start": first, "ok": first, **stuck})


def _spread(rate: float, *kinds: str) -> dict[str, float]:
    return {kind: rate / len(kinds) for kind in kinds}


_NOTE = "Hand-picked, not learned: kinds of faults as {paper} describes them, re-implemented from that description. "
_ROBUSTBENCH = _NOTE.format(paper="RobustBench-TC (arXiv:2605.11928)")
_TOOLMAZE = _NOTE.format(paper="ToolMaze (arXiv:2606.05806)")
_NOISE = _NOTE.format(paper="AgentNoiseBench (arXiv:2602.11348)")
_AUTH = ("http_4xx:401", "http_4xx:403")
_SERVER = ("http_5xx:500", "http_5xx:502", "http_5xx:503")
_EXPLICIT = ("timeout", "http_4xx:429", "http_5xx:500", "http_5xx:503")
_IMPLICIT = ("semantic_error:schema_drift", "semantic_error", "malformed:empty", "semantic_error:duplicates")

_SIX = {
    "timeout": 0.05,
    "http_4xx:429": 0.05,
    **_spread(0.05, *_AUTH),
    **_spread(0.05, *_SERVER),
    "malformed:invalid_json": 0.05,
    "semantic_error:schema_drift": 0.05,
}
_FIVE = {
    **_spread(0.06, "http_5xx:500", "timeout"),
    "malformed:truncated": 0.06,
    "semantic_error:schema_drift": 0.06,
    "semantic_error": 0.06,
    "semantic_error:duplicates": 0.06,
}
TAXONOMIES = {
    "six-faults": (
        _independent(_SIX),
        _ROBUSTBENCH + "Time-out, 429, 401/403, 5xx, malformed JSON and schema drift, 5 % of calls each.",
    ),
    "explicit-transient": (
        _independent(_spread(0.2, *_EXPLICIT)),
        _TOOLMAZE + "Errors that say so, in 20 % of calls, each gone with the next call.",
    ),
    "explicit-permanent": (
        _sticky(_spread(0.2, *_EXPLICIT)),
        _TOOLMAZE
        + "Errors that say so, beginning with 20 % of calls; the tool then fails in this way for good.",
    ),
    "implicit-transient": (
        _independent(_spread(0.2, *_IMPLICIT)),
        _TOOLMAZE + "Wrong answers with a good status, in 20 % of calls, each gone with the next call.",
    ),
    "implicit-permanent": (
        _sticky(_spread(0.2, *_IMPLICIT)),
        _TOOLMAZE + "Wrong answers with a good status, beginning with 20 % of calls; then for good.",
    ),
    "five-noises": (
        _independent(_FIVE),
        _NOISE
        + "Execution failure, incomplete response, erroneous output, misleading signal and redundant information, "
        "6 % of calls each; what is wrong in a text depends on its meaning and is approximated by its structure.",
    ),
}


def _hand_picked(outcomes: OutcomeCounts, note: str) -> Profile:
    return Profile(
        tools={},
        overall=ToolLaws(calls=0, sessions=0, outcomes=outcomes, latency={}),
        provenance=Provenance(split="none", cannot_tell=(note,), licence="Apache-2.0 (this project)"),
    )


if __name__ == "__main__":
    main()
