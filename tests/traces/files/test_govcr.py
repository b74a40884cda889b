from pathlib import Path

import pytest
import yaml

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files._go_duration import go_duration_ns
from earthwire.traces.files.govcr import read_govcr, recognises
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord
from earthwire.traces.request_key import request_key

SAMPLES = Path(__file__).parents[3].parent / "shared" / "data" / "dev_format_samples"

CASSETTE = """---
version: {version}
interactions:
    - id: 0
      request:
        body: '{{"name":"x"}}'
        headers:
            Content-Type:
                - application/json
        url: https://api.example/v1/regions/fr-par/servers/8d9a1b35-4505-8258-1c51-ad9d02f88dcb
        method: POST
      response:
        body: {body}
        headers:
            Content-Type:
                - application/json
            Date:
                - Fri, 03 Jul 2026 13:56:49 GMT
        status: 200 OK
        code: {code}
        duration: {duration}
"""


def cassette(path: Path, **changes: object) -> Path:
    values = {"version": 2, "body": "'{}'", "code": 200, "duration": "626.469279ms"} | changes
    path.write_text(CASSETTE.format(**values))
    return path


def read_one(path: Path, options: ReadOptions | None = None, **changes: object) -> TraceRecord:
    (record,) = read_govcr(cassette(path / "t.yaml", **changes), options)
    return record


def message(path: Path) -> str:
    with pytest.raises(TraceFileError) as caught:
        list(read_govcr(path))
    return str(caught.value)


def test_an_interaction_becomes_a_record(tmp_path: Path) -> None:
    record = read_one(tmp_path)
    assert record.tool == "POST api.example/v1/regions/fr-par/servers/{id}"
    assert record.outcome == "ok"
    assert record.seq == 0
    assert record.source_format == "govcr.v2"
    assert record.http_request_body_size == 12
    target = "/v1/regions/fr-par/servers/8d9a1b35-4505-8258-1c51-ad9d02f88dcb"
    assert record.request_key == request_key("POST", target, b'{"name":"x"}', "application/json")


def test_the_duration_is_the_time_to_the_headers(tmp_path: Path) -> None:
    record = read_one(tmp_path)
    assert record.ttfb_ns == 626_469_279
    assert record.duration_ns is None
    assert record.latency_censoring == "none"


@pytest.mark.parametrize("duration", ["1ms", "1000µs", '""', "0s", "null", "0"])
def test_scrubbed_and_absent_durations_are_missing(tmp_path: Path, duration: str) -> None:
    record = read_one(tmp_path, duration=duration)
    assert record.ttfb_ns is None
    assert record.latency_censoring == "missing"


def test_one_millisecond_and_a_bit_is_a_measurement(tmp_path: Path) -> None:
    assert read_one(tmp_path, duration="1.000001ms").ttfb_ns == 1_000_001


def test_format_1_has_no_durations(tmp_path: Path) -> None:
    record = read_one(tmp_path, version=1, duration='""')
    assert (record.source_format, record.latency_censoring) == ("govcr.v1", "missing")


def test_the_start_is_the_date_header_in_steps_of_a_second(tmp_path: Path) -> None:
    record = read_one(tmp_path)
    assert record.start_time_unix_nano == 1783087009_000_000_000
    assert record.start_time_basis == "response_date_header"
    assert record.start_time_resolution_ns == 1_000_000_000


def test_bodies_are_kept_redacted_only_on_request(tmp_path: Path) -> None:
    body = """'{"secret_key":"s3cret"}'"""
    assert read_one(tmp_path, body=body).response_body is None
    kept = read_one(tmp_path, ReadOptions(keep_bodies=True), body=body)
    assert kept.response_body == '{"secret_key":"REDACTED"}'
    assert kept.attributes == '{"http.request.body": "{\\"name\\":\\"x\\"}"}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("!!binary iVBORwD/", "invalid_json"),
        ("2024-01-01", "invalid_json"),
        ('""', "empty"),
        ("null", "empty"),
    ],
)
def test_bodies_of_every_yaml_shape(tmp_path: Path, body: str, expected: str) -> None:
    assert read_one(tmp_path, body=body).body_class == expected


def test_an_error_status_is_an_http_error(tmp_path: Path) -> None:
    record = read_one(tmp_path, code=404)
    assert (record.outcome, record.error_type) == ("http_error", "404")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("3.643485792s", 3_643_485_792), ("438.4ms", 438_400_000), ("87.1µs", 87_100), ("87.1μs", 87_100),
        ("5us", 5_000), ("12ns", 12), ("1h2m3.5s", 3_723_500_000_000), (".5s", 500_000_000), ("0", 0),
    ],
)  # fmt: skip
def test_go_durations(text: str, nanoseconds: int) -> None:
    assert go_duration_ns(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "-1s", "1 s", "1d", "s", "1.2.3s", "NaN"])
def test_what_go_would_not_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Go duration"):
        go_duration_ns(text)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"duration": "soon"}, "interactions[0]: duration 'soon' is not a Go duration"),
        ({"code": 20}, "interactions[0]: http_response_status_code is 20"),
        ({"code": "abc"}, "interactions[0]: "),
        ({"version": 7}, "cassette version 7 is not known; known are 1, 2"),
        ({"body": "[1]"}, "interactions[0]: a body is text or !!binary, found list"),
    ],
)
def test_errors_name_the_interaction(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    assert expected in message(cassette(tmp_path / "t.yaml", **changes))


def test_a_bad_interaction_can_be_left_out(tmp_path: Path) -> None:
    path = cassette(tmp_path / "t.yaml", duration="soon")
    errors: list[TraceFileError] = []
    assert list(read_govcr(path, on_bad_line=errors.append)) == []
    assert len(errors) == 1


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("version: 2\ninteractions:\n  - {id: 0\n")
    assert message(path).startswith(f"{path}:4: not YAML")


@pytest.mark.parametrize("text", ["version: 2\ninteractions: []\n", "version: 2\ninteractions:\n"])
def test_a_cassette_without_interactions_has_no_records(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.yaml").write_text(text)
    assert list(read_govcr(tmp_path / "t.yaml")) == []


def test_the_loader_does_not_change_yaml_for_others(tmp_path: Path) -> None:
    read_one(tmp_path)
    assert not isinstance(yaml.load("2024-01-01", Loader=yaml.CSafeLoader), str)


def test_recognises_only_go_vcr() -> None:
    assert recognises(b"---\nversion: 2\ninteractions:\n- id: 0\n")
    assert not recognises(b"interactions:\n- request:\n    uri: x\nversion: 1\n")


@pytest.mark.parametrize(
    ("name", "count", "errors"), [("govcr_a.yaml", 7, 1), ("govcr_v2_errors.yaml", 45, 0)]
)
def test_reads_every_interaction_of_the_real_samples(name: str, count: int, errors: int) -> None:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"needs {path}")
    records = list(read_govcr(path))
    assert len(records) == count
    assert sum(record.outcome == "http_error" for record in records) == errors
    assert all(record.ttfb_ns is not None for record in records)
