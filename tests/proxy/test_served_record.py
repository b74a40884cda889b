"""What is written for a served call is a trace record."""

import msgspec

from earthwire.proxy.served_record import ServedRecord
from earthwire.traces.record import FIELDS, TraceRecord


def test_fields_are_those_of_trace_records_in_the_same_order():
    """They are filled by position."""
    fields = ServedRecord.__struct_fields__
    assert list(fields) == [name for name in FIELDS if name in fields]


def test_json_is_that_of_a_trace_record():
    served = ServedRecord(tool="t", seq=3, outcome="ok", duration_ns=5, episode="e", lateness_ns=-1)
    text = msgspec.json.encode(served)
    assert text == msgspec.json.encode(served.trace_record())
    assert msgspec.json.decode(text, type=TraceRecord) == served.trace_record()
