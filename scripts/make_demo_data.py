"""Makes what `earthwire demo` ships: a profile learned from half of the sessions, and the other half to compare with.

Run from the repository's root, with the development data beside it:

    python scripts/make_demo_data.py ../shared/data

Sources and licences: calls of the Scaleway CLI's recorded tests (scaleway/scaleway-cli, Apache-2.0) and uptime probes
of public web APIs (d33bs/upptime-curc, MIT). Rows are shipped without bodies. A probe series has no sessions; 10 probes
of one site in a row stand for one.
"""

import argparse
import hashlib
import re
from pathlib import Path

import msgspec

from earthwire.config.profile_file import profile_text
from earthwire.fault_models.profile import Provenance, Source
from earthwire.grounding.calibrate import calibrate
from earthwire.traces import JsonlWriter, TraceRecord, read_parquet
from earthwire.traces.columns.calls import calls_from_records

FOLDER = Path(__file__).parents[1] / "earthwire" / "config" / "profiles"
PROBES_A_SESSION = 10
HELD_OUT_SESSIONS_MAX = 75
NOT_A_FAULT = "utilization threshold"
"""Probes whose failing check is an alarm on load, not a fault."""
LICENCE = "Apache-2.0 (scaleway/scaleway-cli), MIT (d33bs/upptime-curc)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the development data")
    data = parser.parse_args().data
    cloud = [
        record
        for record in read_parquet(data / "dev_scaleway" / "records.parquet")
        if (record.source_ref or "").startswith("scaleway/scaleway-cli") and record.ttfb_ns is not None
    ]
    probes = [
        record
        for record in read_parquet(data / "dev_upptime" / "records.parquet")
        if (record.source_ref or "").startswith("d33bs/upptime-curc") and NOT_A_FAULT not in record.tool
    ]
    families = {
        "cloud": [_bare(r, r.session_id, r.tool, r.ttfb_ns) for r in cloud],
        "web": _probe_sessions(probes),
    }
    learned: list[TraceRecord] = []
    held_out: list[TraceRecord] = []
    for records in families.values():
        learned += [record for record in records if _fold(record) == 0]
        held_out += _some_sessions([record for record in records if _fold(record) == 1])
    _write_profile(learned, data)
    path = FOLDER / "demo-held-out.jsonl.gz"
    path.unlink(missing_ok=True)
    with JsonlWriter(path) as writer:
        for record in held_out:
            writer.write(record)
    print(f"{len(learned)} calls learned from, {len(held_out)} held out")


def _bare(record: TraceRecord, session: str | None, tool: str, duration_ns: int | None) -> TraceRecord:
    return TraceRecord(
        tool=tool,
        session_id=session,
        seq=record.seq,
        source_ref=record.source_ref,
        duration_ns=duration_ns,
        outcome=record.outcome,
        http_response_status_code=record.http_response_status_code,
        latency_censoring=record.latency_censoring,
    )


def _probe_sessions(probes: list[TraceRecord]) -> list[TraceRecord]:
    counts: dict[str, int] = {}
    records = []
    for record in sorted(probes, key=lambda r: (r.tool, r.start_time_unix_nano or 0)):
        n = counts[record.tool] = counts.get(record.tool, -1) + 1
        site = "-".join(re.findall("[a-z0-9]+", record.tool.removeprefix("d33bs: ").lower()))
        tool = f"GET {record.server_address}/{site}"
        records.append(_bare(record, f"{site}/{n // PROBES_A_SESSION}", tool, record.duration_ns))
    return records


def _fold(record: TraceRecord) -> int:
    return hashlib.blake2b((record.session_id or "").encode()).digest()[0] % 2


def _some_sessions(records: list[TraceRecord]) -> list[TraceRecord]:
    """Return the records of `HELD_OUT_SESSIONS_MAX` sessions, chosen by a hash of their name."""
    sessions: dict[str, list[TraceRecord]] = {}
    for record in records:
        sessions.setdefault(record.session_id or "", []).append(record)
    names = sorted(sessions, key=lambda name: hashlib.blake2b(name.encode()).digest())
    return [record for name in names[:HELD_OUT_SESSIONS_MAX] for record in sessions[name]]


def _write_profile(records: list[TraceRecord], data: Path) -> None:
    calls = calls_from_records(records)
    sources = tuple(
        Source(name, "parquet", hashlib.sha256((data / name).read_bytes()).hexdigest(), count)
        for name, count in (
            ("dev_scaleway/records.parquet", sum("scaleway-cli" in (r.source_ref or "") for r in records)),
            ("dev_upptime/records.parquet", sum("upptime" in (r.source_ref or "") for r in records)),
        )
    )
    provenance = Provenance(
        sources=sources,
        calls=len(calls),
        sessions=calls.session_count,
        split="half of the sessions, by a hash of their name; the other half is what the demo compares with",
        cannot_tell=(
            "Recorded test sessions hold no transport errors, and uptime probes lose the time of failed connections.",
        ),
        licence=LICENCE,
    )
    (FOLDER / "demo.yaml").write_text(
        profile_text(msgspec.structs.replace(calibrate(calls), provenance=provenance))
    )


if __name__ == "__main__":
    main()
