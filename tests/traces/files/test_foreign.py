from pathlib import Path

import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.foreign import FOREIGN_FORMATS, foreign_format
from earthwire.traces.files.formats import sniff

HEADS = {
    "a ZIP archive": b"PK\x03\x04\x14\x00",
    "a mitmproxy flow dump": b"1383:7:version;2:10#4:mode;7:regular;8:response;",
    "a VCR.py cassette": b"interactions:\n- request:\n    body: null\n",
    "a Ruby VCR cassette": b"---\nhttp_interactions:\n- request:\n    method: get\n",
    "Jaeger JSON": b'{"data": [{"traceID": "1", "spans": [{"spanID": "2", "operationName": "GET"}]}]}',
    "Zipkin JSON": b'[{"traceId": "1", "id": "2", "localEndpoint": {"serviceName": "a"}}]',
    "a Postman collection": b'{"info": {"_postman_id": "1", "name": "a"}, "item": []}',
    "a Pact contract": b'{"consumer": {"name": "a"}, "provider": {"name": "b"}, "interactions": []}',
    "a WireMock mapping": b'{"request": {"method": "GET", "urlPath": "/a"}, "response": {"status": 200}}',
    "an earthwire profile": b"# How tools behaved.\nearthwire_profile: 1\nprovenance:\n",
    "an earthwire recipe": b"earthwire_recipe: 1\nprofile: tools.yaml\n",
    "an access log": b'10.0.0.1 - - [24/Nov/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 12\n',
}


def test_every_foreign_format_has_a_sample() -> None:
    assert list(HEADS) == [known.name for known in FOREIGN_FORMATS]


@pytest.mark.parametrize("name", HEADS)
def test_a_foreign_format_is_named_with_the_way_out(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t"
    path.write_bytes(HEADS[name])
    found = foreign_format(HEADS[name])
    assert found is not None
    assert found.name == name
    with pytest.raises(TraceFileError) as caught:
        sniff(path)
    assert f"it looks like {name}; {found.way_out}; known formats: Parquet" in str(caught.value)


@pytest.mark.parametrize("head", [b"2134:5:error,0:~8:response,", b"7780:6:marked;5:false!11:client_conn;"])
def test_flow_dumps_of_every_version_are_named(head: bytes) -> None:
    found = foreign_format(head)
    assert found is not None
    assert found.name == "a mitmproxy flow dump"


def test_a_vcr_cassette_in_json_is_named() -> None:
    found = foreign_format(b'{"interactions": [{"request": {}}]}')
    assert found is not None
    assert found.name == "a VCR.py cassette"


@pytest.mark.parametrize("head", [b"some notes", b'{"operationName": "q", "query": "{}"}', b"[1, 2]", b""])
def test_what_is_of_no_kind_is_not_named(head: bytes) -> None:
    assert foreign_format(head) is None


def test_an_indented_object_with_a_version_is_not_taken_for_traces(tmp_path: Path) -> None:
    (tmp_path / "t").write_text('{\n  "version": 2,\n  "status": "success"\n}\n')
    with pytest.raises(TraceFileError, match="format not recognised"):
        sniff(tmp_path / "t")
