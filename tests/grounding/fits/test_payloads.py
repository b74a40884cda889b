from pathlib import Path

import msgspec
import pytest

from earthwire.fault_models.laws.payload import NO_PAYLOAD_LAW, cut_bin
from earthwire.grounding.fits.payloads import BODY_CHARACTERS_MAX, RESPONSES_MAX, PayloadBank, gather
from earthwire.traces import TraceRecord, read_parquet

DATA = Path(__file__).parents[3].parent / "shared" / "data"
TOOL = "GET api.example/v1/users/{id}"


def not_found(user: str, **fields: object) -> TraceRecord:
    known: dict[str, object] = {
        "tool": TOOL,
        "outcome": "http_error",
        "http_response_status_code": 404,
        "content_type": "application/json",
        "url_full": f"https://api.example/v1/users/{user}",
        "url_template": "/v1/users/{id}",
        "response_body": f'{{"error": "no user {user}"}}',
    }
    return TraceRecord(**(known | fields))  # type: ignore[arg-type]


def test_bodies_that_are_equal_up_to_ids_are_one_response() -> None:
    bank = gather(not_found(f"u-{i}00{i}") for i in range(9))
    (response,) = bank.responses(TOOL)["http_4xx:404"]
    assert response.count == 9
    assert response.body == '{"error": "no user {{echo1}}"}'
    assert response.slots["echo1"].echo == "path -1"


def test_headers_are_kept_and_ids_in_them_are_those_of_the_body() -> None:
    headers = {"server": ["nginx"], "date": ["Mon, 01 Jan 2026 00:00:00 GMT"], "content-length": ["1"]}
    records = [
        not_found(
            "4711",
            response_body=f'{{"request": "{one}"}}',
            http_response_header=headers | {"x-request-id": [one]},
        )
        for one in ("88f4df60-1798-46ba-bcd4-0e58a3b72c85", "517a4e7b-d5aa-4b10-8f6d-5498420ca580")
    ]
    (response,) = gather(records).responses(TOOL)["http_4xx:404"]
    assert response.headers == {"date": "", "server": "nginx", "x-request-id": "{{uuid1}}"}
    assert response.body == '{"request": "{{uuid1}}"}'


def test_an_echo_that_no_url_proves_is_marked_as_assumed() -> None:
    uuid = "88f4df60-1798-46ba-bcd4-0e58a3b72c85"
    (response,) = gather([not_found(uuid, url_full=None)]).responses(TOOL)["http_4xx:404"]
    slot = response.slots["echo1"]
    assert (slot.echo, slot.assumed) == ("path -1", True)
    busy = not_found(uuid, url_full=None, http_response_status_code=503)
    (response,) = gather([busy]).responses(TOOL)["http_5xx:503"]
    assert list(response.slots) == ["uuid1"]


def test_secrets_do_not_enter_a_profile() -> None:
    (response,) = gather([not_found("1", response_body='{"password": "hunter2"}')]).responses(TOOL)[
        "http_4xx:404"
    ]
    assert "hunter2" not in response.body


def test_what_is_kept_is_bounded() -> None:
    texts = [f"error {chr(97 + i) * 3}" for i in range(26)]
    bank = gather(not_found("1", response_body=text, content_type="text/plain") for text in texts)
    assert len(bank.responses(TOOL)["http_4xx:404"]) == RESPONSES_MAX
    long = gather([not_found("1", response_body="x" * (BODY_CHARACTERS_MAX + 1))])
    assert long.responses(TOOL) == {}


def test_the_order_of_records_does_not_matter() -> None:
    records = [
        not_found(f"{i}7{i}1", response_body=f'{{"error": "{i} left", "id": "{i}7{i}1"}}') for i in range(12)
    ]
    good = [ok({"id": i, "name": None if i % 2 else "x"}) for i in range(12)]
    forth, back = gather(records + good), gather((records + good)[::-1])
    assert forth.responses(TOOL) == back.responses(TOOL)
    assert forth.law(TOOL) == back.law(TOOL)


def ok(body: object) -> TraceRecord:
    text = msgspec.json.encode(body).decode()
    return TraceRecord(
        tool=TOOL,
        outcome="ok",
        http_response_status_code=200,
        content_type="application/json",
        body_class="json_object",
        response_body=text,
    )


def test_shapes_come_from_good_bodies_only() -> None:
    bank = gather([ok({"id": 1}), ok({"id": 2, "name": "x"}), not_found("1")])
    shape = bank.law(TOOL).shape
    assert shape is not None
    assert shape.bodies == 2
    assert set(shape.paths) == {"$", "$.id", "$.name"}


def test_recorded_damage_is_counted() -> None:
    cut = msgspec.structs.replace(
        ok({}),
        outcome="malformed",
        body_class=None,
        error_type="body_cut",
        declared_content_length=10,
        http_response_body_size=4,
        response_body="[123",
    )
    broken = msgspec.structs.replace(
        ok({}), outcome="malformed", body_class="invalid_json", response_body="[1,]"
    )
    law = gather([cut, cut, broken]).law(TOOL)
    assert law.cuts[cut_bin(0.4)] == 2
    assert law.operators == {"json_malformed": {"trailing_comma": 1}}


def test_headers_of_the_server_are_those_that_it_always_sends() -> None:
    headers = {"server": ["nginx"], "date": ["Mon, 01 Jan 2026 00:00:00 GMT"], "x-request-id": ["1"]}
    bank = gather([msgspec.structs.replace(ok({}), http_response_header=headers)] * 10)
    assert bank.law(TOOL).headers == {"date": "", "server": "nginx"}
    assert bank.overall().headers == {"date": "", "server": "nginx"}


def test_an_unknown_tool_has_no_law() -> None:
    assert PayloadBank().law("x") == PayloadBank().overall() == NO_PAYLOAD_LAW
    assert PayloadBank().responses("x") == {}


def test_recorded_errors_merge_into_a_few_templates() -> None:
    path = DATA / "dev_scaleway" / "records.parquet"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    records = [r for r in read_parquet(path) if r.outcome == "http_error" and r.response_body]
    bank = gather(records)
    kept = sum(
        one.count
        for tool in {r.tool for r in records}
        for many in bank.responses(tool).values()
        for one in many
    )
    templates = {one.body for r in records for many in bank.responses(r.tool).values() for one in many}
    assert kept > 0.95 * len(records)
    assert len(templates) < 0.5 * len({r.response_body for r in records})
