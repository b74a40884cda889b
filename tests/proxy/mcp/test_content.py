"""Damage inside a message that stays whole."""

import json

from earthwire.fault_models.plan import RelayDamaged
from earthwire.proxy.mcp.content import damaged_message, garbled_message

DATA = {"id": 1, "name": "a", "rows": [{"x": 1}, {"x": 2}]}
DRIFT = RelayDamaged("drift_missing", 0.4)


def answer(**result):
    return json.dumps({"jsonrpc": "2.0", "id": 7, "result": result}).encode()


def text(value):
    return {"type": "text", "text": value}


def test_the_text_is_damaged_and_the_message_is_not():
    damaged = json.loads(damaged_message(answer(content=[text(json.dumps(DATA))]), DRIFT))
    assert damaged["id"] == 7
    assert json.loads(damaged["result"]["content"][0]["text"]) != DATA


def test_structured_content_follows_the_text():
    damaged = json.loads(
        damaged_message(answer(content=[text(json.dumps(DATA))], structuredContent=DATA), DRIFT)
    )
    assert damaged["result"]["structuredContent"] == json.loads(damaged["result"]["content"][0]["text"])


def test_text_that_is_no_json_any_more_leaves_the_structured_content_alone():
    cut = RelayDamaged("truncate", 0.5, aim="0.5")
    damaged = json.loads(
        damaged_message(answer(content=[text(json.dumps(DATA))], structuredContent=DATA), cut)
    )
    whole = json.dumps(DATA)
    assert damaged["result"]["content"][0]["text"] == whole[: len(whole) // 2]
    assert damaged["result"]["structuredContent"] == DATA


def test_plain_text_can_be_cut_but_does_not_drift():
    assert damaged_message(answer(content=[text("five words of plain text")]), DRIFT) is None
    cut = RelayDamaged("truncate", 0.5, aim="0.25")
    assert json.loads(damaged_message(answer(content=[text("abcdefgh")]), cut))["result"]["content"] == [
        text("ab")
    ]


def test_errors_and_pictures_are_left_alone():
    assert damaged_message(answer(content=[text("{}")], isError=True), DRIFT) is None
    assert damaged_message(answer(content=[{"type": "image", "data": "x"}]), DRIFT) is None
    assert damaged_message(b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}', DRIFT) is None


def test_a_garbled_message_is_one_line_that_is_no_json():
    garbled = garbled_message(answer(content=[]), RelayDamaged("trailing_comma", 0.5))
    assert b"\n" not in garbled
    try:
        json.loads(garbled)
    except json.JSONDecodeError:
        return
    raise AssertionError("it is still JSON")
