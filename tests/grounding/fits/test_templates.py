import hashlib

import pytest

from earthwire.fault_models.laws.slots import Slot, fill
from earthwire.grounding.fits.templates import TemplateTally, echoes_of, key_of, mask

UUIDS = [f"{i * 0x1234567:08x}-0b0a-4908-8706-{i:012x}" for i in range(10, 40)]


def template_of(*texts: str, echoes: dict[str, str] | None = None) -> tuple[str, dict[str, Slot]]:
    masked = [mask(text, echoes or {}) for text in texts]
    assert len({key_of(one) for one in masked}) == 1
    tally = TemplateTally(masked[0])
    for one in masked:
        tally.add(one)
    return tally.template()


def test_a_text_without_anything_that_varies_is_itself() -> None:
    text = '{"code": 404, "error": "AADSTS700016: no such thing in v1beta1"}'
    assert template_of(text) == (text, {})


def test_ids_are_masked_and_equal_ids_share_a_slot() -> None:
    text, slots = template_of(
        '{"a": "88f4df60-1798-46ba-bcd4-0e58a3b72c85", "b": "88f4df60-1798-46ba-bcd4-0e58a3b72c85"}'
    )
    assert text == '{"a": "{{uuid1}}", "b": "{{uuid1}}"}'
    assert slots["uuid1"].mask == "xxxxxxxx.xxxx..xxx.vxxx.xxxxxxxxxxxx"


def test_what_all_ids_share_stays() -> None:
    ids = [f"txg{hashlib.sha256(bytes([i])).hexdigest()[:20]}" for i in range(8)]
    text, slots = template_of(*(f"<Id>{one}</Id>" for one in ids))
    assert text == "<Id>{{id1}}</Id>"
    assert slots["id1"].mask == "..." + "x" * 20


def test_numbers_that_vary_become_choices_and_others_stay() -> None:
    text, slots = template_of(
        "429: retry in 13 seconds", "429: retry in 5 seconds", "429: retry in 13 seconds"
    )
    assert text == "429: retry in {{number1}} seconds"
    assert slots["number1"].choices == {"13": 2, "5": 1}


def test_times_keep_their_span() -> None:
    text, slots = template_of("at 2021-03-16T18:39:27", "at 2021-03-15T15:57:35")
    assert text == "at {{time1}}"
    assert (slots["time1"].example, slots["time1"].until) == ("2021-03-15T15:57:35", "2021-03-16T18:39:27")


def test_ids_of_the_request_are_echoed() -> None:
    echoes = echoes_of("/v1/users/bob_77?q=red+car", "/v1/users/{id}")
    text, slots = template_of('no user "bob_77" with red car', echoes=echoes)
    assert text == 'no user "{{echo1}}" with {{echo2}}'
    assert (slots["echo1"].echo, slots["echo2"].echo) == ("path -1", "query q")
    filled = fill({"": text}, slots, 0.5, "/x/v1/users/eve_5?q=blue")
    assert filled[""] == 'no user "eve_5" with blue'


def test_words_of_the_path_are_no_ids() -> None:
    assert echoes_of("/instance/v1/servers", None) == {}
    assert echoes_of("/instance/v1/servers/4711", None) == {"4711": "path -1"}
    assert echoes_of("/users/me/4711", "/users/me/{id}") == {"4711": "path -1"}


def test_the_order_of_texts_does_not_matter() -> None:
    texts = [f"no {uuid} in {i} tries" for i, uuid in enumerate(UUIDS)]
    assert template_of(*texts) == template_of(*reversed(texts))


@pytest.mark.parametrize("text", ["", "plain", "\x00 1 \x00", '{"a": "{{id1}}"}', "1.2.3.4", "v 1.25"])
def test_odd_texts_come_through(text: str) -> None:
    masked, slots = template_of(text)
    assert fill({"": masked}, slots, 0.5, "/")[""] == text
