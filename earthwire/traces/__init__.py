"""Traces: the record of a tool call, readers of every format, writers, redaction, tool keys and replay."""

from earthwire.traces._secrets import redact_text
from earthwire.traces.clients.attempts import (
    RETRY_GAP_S_MAX,
    Attempt,
    AttemptCounts,
    AttemptLog,
    AttemptTally,
    attempt_of,
    effect_of,
)
from earthwire.traces.clients.episode_times import EpisodeTimes
from earthwire.traces.errors import BadLineHandler, TraceFileError
from earthwire.traces.files.formats import (
    FORMATS,
    Format,
    Sources,
    find_sources,
    read_all,
    read_sources,
    read_traces,
    sniff,
)
from earthwire.traces.files.jsonl import read_jsonl
from earthwire.traces.files.jsonl_writer import JsonlWriter, write_jsonl
from earthwire.traces.files.otlp_writer import write_otlp
from earthwire.traces.files.parquet import read_parquet, write_parquet
from earthwire.traces.files.shards import shard_path, with_shards
from earthwire.traces.labels.body_class import classify_body
from earthwire.traces.labels.fault_class import NOT_VISIBLE, Observation, Usual, label_response
from earthwire.traces.labels.http_outcome import failure_outcome, http_outcome
from earthwire.traces.labels.label import FAULT_CLASSES, FaultClass, FaultLabel, Surface
from earthwire.traces.labels.outcome_kind import FaultLayer, is_fault, layer_of, outcome_kind, status_of_kind
from earthwire.traces.labels.record_label import label_record
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import RecordError, TraceRecord, record_from_dict, record_to_dict
from earthwire.traces.redaction import redact_body, redact_headers, redact_url
from earthwire.traces.relabel import learn_templates, relabel
from earthwire.traces.replay import Hit, Miss, ReplayCursor, ReplayIndex, recorded_body
from earthwire.traces.request_key import request_key
from earthwire.traces.tool_key import PathTemplater, tool_key

__all__ = [
    "FAULT_CLASSES",
    "FORMATS",
    "NOT_VISIBLE",
    "RETRY_GAP_S_MAX",
    "Attempt",
    "AttemptCounts",
    "AttemptLog",
    "AttemptTally",
    "BadLineHandler",
    "EpisodeTimes",
    "FaultClass",
    "FaultLabel",
    "FaultLayer",
    "Format",
    "Hit",
    "JsonlWriter",
    "Miss",
    "Observation",
    "PathTemplater",
    "ReadOptions",
    "RecordError",
    "ReplayCursor",
    "ReplayIndex",
    "Sources",
    "Surface",
    "TraceFileError",
    "TraceRecord",
    "Usual",
    "attempt_of",
    "classify_body",
    "effect_of",
    "failure_outcome",
    "find_sources",
    "http_outcome",
    "is_fault",
    "label_record",
    "label_response",
    "layer_of",
    "learn_templates",
    "outcome_kind",
    "read_all",
    "read_jsonl",
    "read_parquet",
    "read_sources",
    "read_traces",
    "record_from_dict",
    "record_to_dict",
    "recorded_body",
    "redact_body",
    "redact_headers",
    "redact_text",
    "redact_url",
    "relabel",
    "request_key",
    "shard_path",
    "sniff",
    "status_of_kind",
    "tool_key",
    "with_shards",
    "write_jsonl",
    "write_otlp",
    "write_parquet",
]
