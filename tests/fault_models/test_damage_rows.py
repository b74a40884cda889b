import json

import pytest

from earthwire.fault_models.damage import Payload, damaged
from earthwire.fault_models.damage.rows import OVERSIZE_BYTES_MAX

JSON = "application/json"
UNIFORMS = [i / 23 for i in range(1, 23)]


def page(count: int, **more: object) -> Payload:
    return Payload(
        json.dumps({"rows": [{"id": i, "tags": ["x", "y"]} for i in range(count)], **more}).encode(), JSON
    )


def after(payload: Payload, name: str, u: float) -> dict[str, object]:
    result = damaged(payload, name, u)
    assert result is not None
    return json.loads(result.body)


def test_a_partial_page_is_the_first_rows_at_least_one_and_not_all():
    kept = set()
    for u in UNIFORMS:
        rows = after(page(5), "partial_rows", u)["rows"]
        assert rows == json.loads(page(5).body)["rows"][: len(rows)]
        kept.add(len(rows))
    assert kept == {1, 2, 3, 4}


def test_an_empty_page_keeps_all_but_its_rows():
    assert after(page(3, total=3), "empty_rows", 0.5) == {"rows": [], "total": 3}


@pytest.mark.parametrize(
    "name", ["next", "nextCursor", "next_page_token", "cursor", "nextPageToken", "next_url"]
)
def test_a_lost_cursor_is_empty_and_the_rows_stay(name: str):
    found = after(page(2, **{name: "abc"}), "lost_cursor", 0.5)
    assert found == json.loads(page(2, **{name: ""}).body)


def test_what_has_no_cursor_loses_rows_instead():
    found = after(page(3, nextstep="abc"), "lost_cursor", 0.5)
    assert found["nextstep"] == "abc"
    assert 1 <= len(found["rows"]) < 3


def test_an_oversized_body_repeats_its_rows_and_is_bounded():
    sizes = []
    for u in UNIFORMS:
        result = damaged(page(40), "oversize", u)
        assert result is not None
        rows = json.loads(result.body)["rows"]
        assert rows[:40] == rows[40:80] == json.loads(page(40).body)["rows"]
        sizes.append(len(result.body) / len(page(40).body))
    assert min(sizes) > 9
    assert max(sizes) > 100
    large = damaged(page(4_000), "oversize", 0.9)
    assert large is not None
    assert len(large.body) < 3 * max(OVERSIZE_BYTES_MAX, len(page(4_000).body))


def test_without_rows_the_longest_text_grows():
    found = after(Payload(b'{"id": "7", "text": "lorem ipsum"}', JSON), "oversize", 0.5)
    assert found["id"] == "7"
    assert str(found["text"]).startswith("lorem ipsum lorem ipsum ")


def test_rows_of_rows_are_not_a_page():
    assert damaged(Payload(b'{"row": {"inner": {"tags": [1, 2, 3]}}}', JSON), "partial_rows", 0.5) is None


@pytest.mark.parametrize("earlier", [None, b"", b'{"v": 2}'])
def test_an_answer_is_stale_only_where_another_one_came_earlier(earlier: bytes | None):
    assert damaged(Payload(b'{"v": 2}', JSON, earlier=earlier), "stale", 0.5) is None


def test_a_stale_answer_is_the_earlier_one():
    assert damaged(Payload(b'{"v": 2}', JSON, earlier=b'{"v": 1}'), "stale", 0.5) == Payload(
        b'{"v": 1}', JSON
    )


def test_a_renamed_member_keeps_its_value_in_all_rows():
    rows = Payload(b'[{"user_id": 1, "n": 2}, {"user_id": 3, "n": 4}]', JSON)
    seen = {damaged(rows, "drift_renamed", u).body for u in UNIFORMS}
    assert seen == {
        b'[{"userId": 1, "n": 2}, {"userId": 3, "n": 4}]',
        b'[{"user_id": 1, "n_v2": 2}, {"user_id": 3, "n_v2": 4}]',
    }


def test_bodies_that_differ_elsewhere_drift_at_the_same_path():
    """A choice by position would move where a body lacks one of five members; one by lowest hash does not."""
    whole = {"a1": 1, "b1": 1, "c1": 1, "d1": 1, "e1": 1}
    for u in UNIFORMS:
        (gone,) = (
            whole.keys()
            - json.loads(damaged(Payload(json.dumps(whole).encode(), JSON), "drift_missing", u).body).keys()
        )
        for other in whole.keys() - {gone}:
            fewer = {key: value for key, value in whole.items() if key != other}
            left = json.loads(damaged(Payload(json.dumps(fewer).encode(), JSON), "drift_missing", u).body)
            assert fewer.keys() - left.keys() == {gone}
