import base64
import gzip
import json
from pathlib import Path

import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.har import read_har, recognises
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord
from earthwire.traces.request_key import request_key

SAMPLES = Path(__file__).parents[3].parent / "shared" / "data" / "dev_format_samples"
KEEP_ALL = ReadOptions(keep_bodies=True, keep_urls=True)
UNSPLIT = {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 50, "receive": 0}


def sample(name: str) -> Path:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path


def entry(**changes: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "startedDateTime": "2024-01-01T00:00:00.500Z",
        "time": 50,
        "timings": {"blocked": 1, "dns": 2, "connect": 10, "ssl": 6, "send": 1, "wait": 30, "receive": 6},
        "request": {"method": "GET", "url": "https://a.example/users/42?page=1", "bodySize": 0},
        "response": {
            "status": 200,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {"mimeType": "application/json", "size": 8, "text": '{"a": 1}'},
            "bodySize": 8,
        },
    }
    return whole | changes


def response(**changes: object) -> dict[str, object]:
    return dict(entry()["response"]) | changes  # type: ignore[call-overload]


def har(path: Path, *entries: dict[str, object], creator: str = "WebInspector") -> Path:
    log = {"version": "1.2", "creator": {"name": creator, "version": "1"}, "entries": list(entries)}
    path.write_text(json.dumps({"log": log}))
    return path


def read_one(path: Path, one: dict[str, object], options: ReadOptions | None = None) -> TraceRecord:
    (record,) = read_har(har(path / "t.har", one), options)
    return record


def message(path: Path) -> str:
    with pytest.raises(TraceFileError) as caught:
        list(read_har(path))
    return str(caught.value)


def test_an_entry_becomes_a_record(tmp_path: Path) -> None:
    record = read_one(tmp_path, entry())
    assert record.tool == "GET a.example/users/{id}"
    assert record.url_template == "/users/{id}"
    assert record.server_port == 443
    assert record.start_time_unix_nano == 1704067200_500_000_000
    assert record.start_time_resolution_ns == 1_000_000
    assert record.outcome == "ok"
    assert record.body_class == "json_object"
    assert record.request_key == request_key("GET", "/users/42?page=1")
    assert record.source_format == "har1.2/WebInspector"
    assert record.vantage == "client"


def test_nothing_that_could_be_secret_is_kept_by_default(tmp_path: Path) -> None:
    record = read_one(tmp_path, entry())
    assert record.response_body is None
    assert record.http_response_header is None
    assert record.url_full is None
    assert record.attributes is None


def test_bodies_headers_and_urls_are_kept_redacted_on_request(tmp_path: Path) -> None:
    request = {
        "method": "POST",
        "url": "https://a.example/x?token=s3cret",
        "postData": {"mimeType": "application/json", "text": '{"password":"s3cret"}'},
    }
    answer = response(
        headers=[{"name": "Set-Cookie", "value": "s3cret"}, {"name": "Age", "value": "1"}],
        content={"mimeType": "application/json", "text": '{"access_token":"s3cret"}'},
    )
    record = read_one(tmp_path, entry(request=request, response=answer), KEEP_ALL)
    assert "s3cret" not in repr(record)
    assert record.response_body == '{"access_token":"REDACTED"}'
    assert record.http_response_header == {"age": ["1"]}
    assert record.url_full == "https://a.example/x?token=REDACTED"


def test_phases_never_overlap_where_tls_is_inside_connect(tmp_path: Path) -> None:
    record = read_one(tmp_path, entry())
    assert record.phase_connect_ns == 4_000_000
    assert record.phase_tls_ns == 6_000_000
    assert record.duration_ns == 50_000_000
    assert record.ttfb_ns == 44_000_000


@pytest.mark.parametrize(
    ("total", "connect", "tls", "expected_connect"),
    [(53, 10, 13, 10), (50, 10, 10, 10), (40, 10, 10, 0), (53.4, 10, 13, 10)],
    ids=["longer than connect", "the total counts both", "the total counts one", "rounded"],
)
def test_the_numbers_of_the_entry_decide_where_tls_belongs(
    tmp_path: Path, total: float, connect: float, tls: float, expected_connect: float
) -> None:
    timings = {"connect": connect, "ssl": tls, "send": 0, "wait": 30, "receive": 0}
    record = read_one(tmp_path, entry(time=total, timings=timings))
    assert record.phase_connect_ns == expected_connect * 1_000_000
    assert record.duration_ns == round(total * 1_000_000)
    assert record.ttfb_ns == (expected_connect + tls + 30) * 1_000_000


def test_without_time_the_phases_add_up_to_the_total(tmp_path: Path) -> None:
    assert read_one(tmp_path, entry(time=None)).duration_ns == 50_000_000


def test_minus_one_is_unknown(tmp_path: Path) -> None:
    timings = {"blocked": -1, "dns": 5, "connect": -1, "send": 1, "wait": 30, "receive": 6}
    record = read_one(tmp_path, entry(timings=timings))
    assert record.phase_blocked_ns is None
    assert record.phase_connect_ns is None
    assert record.phase_dns_ns == 5_000_000


@pytest.mark.parametrize("timings", [UNSPLIT, {"send": 0, "wait": 50, "receive": 0}])
def test_all_time_in_wait_is_no_split(tmp_path: Path, timings: dict[str, float]) -> None:
    record = read_one(tmp_path, entry(timings=timings))
    assert record.duration_ns == 50_000_000
    assert record.ttfb_ns is None
    assert record.phase_wait_ns is None


@pytest.mark.parametrize("timings", [None, {"blocked": 0, "send": 0, "wait": 0, "receive": 0}])
def test_no_time_is_missing_not_zero(tmp_path: Path, timings: dict[str, float] | None) -> None:
    record = read_one(tmp_path, entry(time=0, timings=timings))
    assert record.duration_ns is None
    assert record.latency_censoring == "missing"


@pytest.mark.parametrize("status", [0, -2, None])
def test_a_failed_request_has_no_status_and_no_first_byte(tmp_path: Path, status: int | None) -> None:
    failed = {"status": status, "_error": "net::ERR_CONNECTION_RESET"}
    record = read_one(tmp_path, entry(response=failed))
    assert record.outcome == "conn_error"
    assert record.http_response_status_code is None
    assert record.ttfb_ns is None
    assert record.error_message == "net::ERR_CONNECTION_RESET"


def test_a_timeout_is_censored_at_its_limit(tmp_path: Path) -> None:
    record = read_one(tmp_path, entry(response={"status": 0, "_error": "net::ERR_TIMED_OUT"}))
    assert (record.outcome, record.latency_censoring) == ("timeout", "right")
    assert record.latency_limit_ns == record.duration_ns == 50_000_000


def test_a_timeout_without_time_has_an_unknown_limit(tmp_path: Path) -> None:
    failed = entry(time=0, timings=None, response={"status": 0, "_error": {"code": "ETIMEDOUT"}})
    assert read_one(tmp_path, failed).latency_censoring == "right_unknown_limit"


def test_html_where_json_was_promised_is_malformed(tmp_path: Path) -> None:
    answer = response(content={"mimeType": "application/json", "text": "<html></html>"})
    record = read_one(tmp_path, entry(response=answer))
    assert (record.outcome, record.body_class) == ("malformed", "html")


def test_a_body_that_the_exporter_left_out_is_unknown_not_empty(tmp_path: Path) -> None:
    record = read_one(tmp_path, entry(response=response(content={"size": 100, "text": ""}, bodySize=-1)))
    assert record.body_class is None
    assert record.http_response_body_size is None


def test_an_event_stream_without_its_body_has_no_total(tmp_path: Path) -> None:
    headers = [{"name": "content-type", "value": "text/event-stream"}]
    answer = response(headers=headers, content={"size": 0, "text": ""}, bodySize=0)
    timings = {"connect": 10, "ssl": 10, "send": 1, "wait": 30, "receive": 0}
    record = read_one(tmp_path, entry(time=51, response=answer, timings=timings))
    assert record.stream is True
    assert record.body_class is None
    assert record.duration_ns is None
    assert record.ttfb_ns == 51_000_000


BODY = b'{"kept": true}'
GZIPPED = gzip.compress(BODY)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ({"text": base64.b64encode(BODY).decode(), "encoding": "base64"}, None),
        ({"text": BODY.hex(), "_isBinary": True}, None),
        ({"text": BODY.hex(), "encoding": "hex"}, None),
        ({"text": json.dumps([GZIPPED[:9].hex(), GZIPPED[9:].hex()])}, "gzip"),
        (
            {
                "text": json.dumps([base64.b64encode(part).decode() for part in (GZIPPED[:9], GZIPPED[9:])]),
                "encoding": "base64",
            },
            "gzip",
        ),
        ({"text": BODY.decode()}, "gzip"),
    ],
    ids=["base64", "hex flag", "hex", "hex chunks", "base64 chunks", "decoded already"],
)
def test_every_way_of_keeping_a_body_is_decoded(
    tmp_path: Path, content: dict[str, object], encoding: str | None
) -> None:
    headers = [{"name": "Content-Encoding", "value": encoding}] if encoding else []
    answer = response(headers=headers, content=content | {"mimeType": "application/json"})
    assert read_one(tmp_path, entry(response=answer), KEEP_ALL).response_body == BODY.decode()


def test_a_body_in_an_encoding_we_cannot_undo_is_unknown(tmp_path: Path) -> None:
    headers = [{"name": "Content-Encoding", "value": "br"}]
    answer = response(headers=headers, content={"mimeType": "application/json", "text": '["1b2c3d4e"]'})
    record = read_one(tmp_path, entry(response=answer))
    assert (record.body_class, record.outcome) == (None, "ok")


def test_a_json_array_of_strings_is_not_taken_for_chunks(tmp_path: Path) -> None:
    answer = response(content={"mimeType": "application/json", "text": '["abcd"]'})
    assert read_one(tmp_path, entry(response=answer), KEEP_ALL).response_body == '["abcd"]'


def test_binary_bodies_are_kept_as_base64(tmp_path: Path) -> None:
    content = {
        "mimeType": "image/png",
        "encoding": "base64",
        "text": base64.b64encode(b"\x89PNG\xff").decode(),
    }
    record = read_one(tmp_path, entry(response=response(content=content)), KEEP_ALL)
    assert record.response_body_encoding == "base64"
    assert base64.b64decode(record.response_body or "") == b"\x89PNG\xff"


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        ("2024-01-01T00:00:00.5-07:00", 1704092400_500_000_000),
        ("2024-01-01T00:00:00.000001+00:00", 1704067200_000_001_000),
        ("2024-01-01T00:00:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_only_a_start_with_a_time_zone_is_known(
    tmp_path: Path, started: str | None, expected: int | None
) -> None:
    assert read_one(tmp_path, entry(startedDateTime=started)).start_time_unix_nano == expected


def test_entries_come_in_the_order_of_their_start(tmp_path: Path) -> None:
    late = entry(startedDateTime="2024-01-01T00:00:02.000Z")
    records = list(read_har(har(tmp_path / "t.har", late, entry())))
    assert [(record.seq, (record.source_ref or "")[-2:]) for record in records] == [(0, "#1"), (1, "#0")]
    assert len({record.session_id for record in records}) == 1
    assert len({record.record_id for record in records}) == 2


def test_retry_after_is_seconds_also_as_a_date(tmp_path: Path) -> None:
    headers = [
        {"name": "Date", "value": "Mon, 01 Jan 2024 00:00:00 GMT"},
        {"name": "Retry-After", "value": "Mon, 01 Jan 2024 00:00:30 GMT"},
    ]
    record = read_one(tmp_path, entry(response=response(status=429, headers=headers)))
    assert (record.outcome, record.retry_after_s, record.error_type) == ("http_error", 30.0, "429")


def test_templates_of_the_user_win(tmp_path: Path) -> None:
    record = read_one(tmp_path, entry(), ReadOptions(templates=("/users/{user}",)))
    assert record.tool == "GET a.example/users/{user}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"request": {"method": "GET", "url": "/relative"}}, "has no host"),
        ({"request": {"method": "GET", "url": "https://[::1/x"}}, "cannot be taken apart"),
        ({"request": {"method": "GET"}}, "missing required field `url`"),
        ({"time": "slow"}, "$.time"),
    ],
)
def test_a_bad_entry_is_named_and_can_be_left_out(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    path = har(tmp_path / "t.har", entry(), entry(**change))
    text = message(path)
    assert "log.entries[1]: " in text
    assert expected in text
    errors: list[TraceFileError] = []
    assert len(list(read_har(path, on_bad_line=errors.append))) == 1
    assert len(errors) == 1


def test_a_cut_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "t.har"
    path.write_text('{"log": {\n"entries": [\n{"a": }]}}')
    assert message(path).startswith(f"{path}:3: not JSON")


def test_recognises_har_by_content() -> None:
    assert recognises(b'\xef\xbb\xbf\n {"log" : {')
    assert not recognises(b'{"resourceSpans":[]}')


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("har_charles.har", 1), ("har_chrome.har", 3), ("har_firefox.har", 14), ("har_insomnia.har", 1),
        ("har_mitm_error.har", 2), ("har_polly.har", 3), ("har_redirect_loop.har", 11), ("har_sse.har", 2),
        ("har_webpagetest.har", 16), ("har_with-bom.har", 1),
    ],
)  # fmt: skip
def test_reads_every_entry_of_the_real_samples(name: str, count: int) -> None:
    records = list(read_har(sample(name), KEEP_ALL))
    assert len(records) == count
    for record in records:
        phases = [
            record.phase_blocked_ns, record.phase_dns_ns, record.phase_connect_ns, record.phase_tls_ns,
            record.phase_send_ns, record.phase_wait_ns, record.phase_receive_ns,
        ]  # fmt: skip
        total = sum(phase for phase in phases if phase is not None)
        if total and record.duration_ns is not None:
            assert abs(total - record.duration_ns) <= 1_000_000
        assert record.ttfb_ns is None or record.duration_ns is None or record.ttfb_ns <= record.duration_ns


def test_the_broken_sample_is_one_clear_error() -> None:
    assert "not a HAR" in message(sample("har_broken.har"))


def test_failed_requests_of_real_exporters() -> None:
    chrome = list(read_har(sample("har_chrome.har")))
    assert [record.outcome for record in chrome] == ["ok", "conn_error", "ok"]
    mitmproxy = next(read_har(sample("har_mitm_error.har")))
    assert mitmproxy.outcome == "conn_error"
    assert "Connect call failed" in (mitmproxy.error_message or "")


def test_a_success_that_only_reports_an_error_is_a_semantic_error_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    told = entry(response=response(content={"mimeType": "application/json", "text": '{"error": "no quota"}'}))
    assert read_one(tmp_path, told).outcome == "semantic_error"
    assert read_one(tmp_path, told, ReadOptions(in_band_errors=False)).outcome == "ok"
    rpc = '{"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "x"}}'
    found = read_one(
        tmp_path, entry(response=response(content={"mimeType": "application/json", "text": rpc}))
    )
    assert (found.outcome, found.rpc_response_status_code) == ("rpc_error", "-32601")


def test_an_error_status_stays_an_http_error_whatever_its_body_says(tmp_path: Path) -> None:
    told = entry(
        response=response(
            status=503, content={"mimeType": "application/json", "text": '{"error": "no quota"}'}
        )
    )
    assert read_one(tmp_path, told).outcome == "http_error"
