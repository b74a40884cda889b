import json

import msgspec
import pytest

from earthwire.traces.record import TraceRecord
from earthwire.traces.replay import Hit, Miss, ReplayCursor, ReplayIndex
from earthwire.traces.request_key import request_key

JSON = "application/json"


def recording(
    target: str = "/v1/jobs/7?page=1", answer: str = "{}", method: str = "GET", body: str = ""
) -> TraceRecord:
    return TraceRecord(
        tool="t",
        http_request_method=method,
        url_full=f"https://a.example{target}",
        url_template="/v1/jobs/{id}",
        request_key=request_key(method, target, body.encode(), JSON),
        http_response_status_code=200,
        response_body=answer,
        response_body_encoding="utf-8",
        attributes=json.dumps({"http.request.body": body}) if body else None,
    )


def bodies(index: ReplayIndex, count: int, cursor: ReplayCursor) -> list[bytes]:
    found = [index.match("GET", "/v1/jobs/7?page=1", b"", None, cursor) for _ in range(count)]
    return [hit.body for hit in found if isinstance(hit, Hit)]


def miss(index: ReplayIndex, method: str, target: str, body: bytes = b"") -> Miss:
    result = index.match(method, target, body, JSON, ReplayCursor())
    assert isinstance(result, Miss)
    return result


@pytest.mark.parametrize(
    ("after_last", "expected"),
    [("cycle", [b"1", b"2", b"1", b"2", b"1"]), ("last", [b"1", b"2", b"2", b"2", b"2"])],
)
def test_the_nth_call_gets_the_nth_recording(after_last: str, expected: list[bytes]) -> None:
    index = ReplayIndex([recording(answer="1"), recording(answer="2")], after_last)  # type: ignore[arg-type]
    assert bodies(index, 5, ReplayCursor()) == expected


def test_episodes_do_not_share_what_they_used_up() -> None:
    index = ReplayIndex([recording(answer="1"), recording(answer="2")])
    one, other = ReplayCursor(), ReplayCursor()
    assert bodies(index, 1, one) == [b"1"]
    assert bodies(index, 2, other) == [b"1", b"2"]
    assert bodies(index, 1, one) == [b"2"]


def test_a_hit_says_where_it_stands() -> None:
    index = ReplayIndex([recording()])
    cursor = ReplayCursor()
    hits = [index.match("GET", "/v1/jobs/7?page=1", b"", None, cursor) for _ in range(2)]
    assert [(hit.call_index, hit.is_past_last) for hit in hits if isinstance(hit, Hit)] == [
        (0, False),
        (1, True),
    ]


def test_any_host_and_order_of_parameters_match() -> None:
    index = ReplayIndex([recording("/x?a=1&b=2")])
    assert isinstance(index.match("get", "http://127.0.0.1/x?b=2&a=1", b"", None, ReplayCursor()), Hit)


def test_binary_bodies_are_decoded() -> None:
    record = msgspec.structs.replace(recording(), response_body="iVBORwD/", response_body_encoding="base64")
    assert bodies(ReplayIndex([record]), 1, ReplayCursor()) == [b"\x89PNG\x00\xff"]


def test_records_that_cannot_be_replayed_are_counted_by_reason() -> None:
    whole = recording()
    change = msgspec.structs.replace
    index = ReplayIndex(
        [
            whole,
            change(whole, response_body=None),
            change(whole, response_body=None),
            change(whole, response_body_truncated=True),
            change(whole, http_response_status_code=None),
            change(whole, request_key=None),
            change(whole, response_body=None, http_response_status_code=204),
            change(whole, response_body=None, body_class="empty"),
        ]
    )
    assert index.replayable_count == 3
    assert index.not_replayable == {"no body kept": 2, "body cut": 1, "no response": 1, "no request key": 1}


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("DELETE", "/v1/jobs/7?page=1", "method is DELETE, recorded GET"),
        ("GET", "/v1/tasks/7?page=1", "path segment 2 is 'tasks', recorded 'jobs'"),
        ("GET", "/v1/jobs/7/log?page=1", "the path has 4 segments, recorded 3"),
        ("GET", "/v1/jobs/7?page=2", "query parameter page is '2', recorded '1'"),
        ("GET", "/v1/jobs/7", "query parameter page is absent, recorded '1'"),
        ("GET", "/v1/jobs/7?page=1&limit=5", "query parameter limit is '5', recorded absent"),
    ],
)
def test_a_miss_names_the_nearest_request_and_what_differs(method: str, target: str, expected: str) -> None:
    index = ReplayIndex([recording("/other/path/entirely"), recording(), recording("/v2/x/y/z/w")])
    result = miss(index, method, target)
    assert result.nearest_request == "GET https://a.example/v1/jobs/7?page=1"
    assert result.differences == (expected,)
    assert expected in str(result)
    assert result.nearest is not None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"name":"y","tags":["a"],"deep":{"n":1}}', "body $.name is 'y', recorded 'x'"),
        ('{"name":"x","tags":["b"],"deep":{"n":1}}', "body $.tags[0] is 'b', recorded 'a'"),
        ('{"name":"x","tags":["a"],"deep":{"n":2}}', "body $.deep.n is '2', recorded '1'"),
        ('{"name":"x","tags":["a"]}', "body $.deep is missing, recorded '{\"n\": 1}'"),
        ('{"name":"x","tags":["a"],"deep":{"n":1},"new":0}', "body $.new is not in the recorded body"),
        ("not json", 'the body is \'not json\', recorded \'{"name":"x"'),
    ],
)
def test_a_miss_names_the_json_path_that_differs(body: str, expected: str) -> None:
    index = ReplayIndex([recording("/x", method="POST", body='{"name":"x","tags":["a"],"deep":{"n":1}}')])
    (difference,) = miss(index, "POST", "/x", body.encode()).differences
    assert difference.startswith(expected)


def test_the_closest_body_of_several_is_the_nearest() -> None:
    near = recording("/x", method="POST", body='{"a":1,"b":2}')
    far = recording("/x", method="POST", body='{"a":9,"b":9}')
    assert miss(ReplayIndex([far, near]), "POST", "/x", b'{"a":1,"b":3}').nearest == near


def test_a_miss_never_shows_secrets() -> None:
    index = ReplayIndex(
        [recording("/x?api_key=REDACTED&page=1", method="POST", body='{"password":"REDACTED"}')]
    )
    text = str(miss(index, "POST", "/x?api_key=s3cret&page=2", b'{"password":"s3cret","n":1}'))
    assert "s3cret" not in text
    assert "query parameter page" in text


def test_a_recorded_template_matches_any_identifier() -> None:
    record = msgspec.structs.replace(recording(), url_full=None)
    assert miss(ReplayIndex([record]), "DELETE", "/v1/jobs/99").differences == (
        "method is DELETE, recorded GET",
    )


def test_an_empty_index_misses() -> None:
    result = miss(ReplayIndex([]), "GET", "/")
    assert (result.nearest, str(result)) == (None, "no recording can be replayed")
