"""What is written for a served call is a trace record."""

import msgspec

from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.record import FIELDS, TraceRecord


def test_fields_are_those_of_trace_records():
    assert set(ServedRecord.__struct_fields__) <= set(FIELDS)


def test_json_is_that_of_a_trace_record():
    served = ServedRecord(tool="t", seq=3, outcome="ok", duration_ns=5, episode="e", lateness_ns=-1)
    made = served.trace_record()
    assert made.source_format == "earthwire"
    text = msgspec.json.encode(served)
    assert msgspec.json.decode(text) == msgspec.json.decode(msgspec.json.encode(made))
    assert msgspec.json.decode(text, type=TraceRecord) == made
