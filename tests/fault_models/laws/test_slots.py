import re

from hypothesis import given
from hypothesis import strategies as st

from earthwire.fault_models.laws.slots import Slot, fill

UUID = Slot("0f0e0d0c-0b0a-4908-8706-050403020100", "xxxxxxxx.xxxx..xxx.vxxx.xxxxxxxxxxxx")
UNIFORMS = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True)


def value(slot: Slot, u: float = 0.5, target: str = "/") -> str:
    return fill({"body": "{{id1}}"}, {"id1": slot}, u, target)["body"]


@given(UNIFORMS)
def test_fresh_ids_look_like_recorded_ones_and_follow_from_the_uniform(u: float) -> None:
    made = value(UUID, u)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made)
    assert made == value(UUID, u)


def test_the_same_slot_has_one_value_in_all_texts() -> None:
    texts = fill({"body": "{{id1}} {{id1}}", "x-request-id": "{{id1}}"}, {"id1": UUID}, 0.25, "/")
    assert texts["body"] == f"{texts['x-request-id']} {texts['x-request-id']}"


def test_what_is_no_slot_stays_as_it_is() -> None:
    assert fill({"body": "{{id2}} {{ id1 }} {id1}"}, {"id1": UUID}, 0.5, "/") == {
        "body": "{{id2}} {{ id1 }} {id1}"
    }


def test_echoes_come_from_the_request() -> None:
    assert value(Slot("4711", "dddd", echo="path -1"), target="/v1/users/12%20x?page=2") == "12 x"
    assert value(Slot("4711", "dddd", echo="query page"), target="/v1/users?page=2") == "2"
    assert re.fullmatch(r"\d{4}", value(Slot("4711", "dddd", echo="path -9"), target="/v1"))


@given(UNIFORMS)
def test_times_lie_in_the_recorded_span_and_are_written_alike(u: float) -> None:
    made = value(Slot("2026-01-01T00:00:00.000Z", until="2026-01-03T12:00:00.000Z"), u)
    assert re.fullmatch(r"2026-01-0[123]T\d\d:\d\d:\d\d\.\d{3}Z", made)
    assert "2026-01-01T00:00:00.000Z" <= made <= "2026-01-03T12:00:00.000Z"


def test_numbers_come_back_as_often_as_they_were_recorded() -> None:
    slot = Slot("1", choices={"1": 3, "30": 1})
    made = [value(slot, (i + 0.5) / 2000) for i in range(2000)]
    # 2000 draws at p = 3/4: standard deviation 19; five of them.
    assert abs(made.count("1") - 1500) < 97
    assert set(made) == {"1", "30"}
