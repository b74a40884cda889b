"""The channel as a whole: what noise belongs to, and what rewriting by an endpoint needs."""

import pytest

from earthwire.fault_models.observation import (
    ObservationChannel,
    Paraphrase,
    RemoteStep,
    Rewrite,
    RewriteNeededError,
    TextStep,
    Typos,
    read_json,
    write_json,
)

PROSE = "Please find the new meeting about the purchase of water for the people of the city."
TYPOS = Typos(0.5, ("drop", "double"))


def channel(*steps: TextStep | RemoteStep, seed: int = 1, severity: float = 1.0) -> ObservationChannel:
    return ObservationChannel(steps or (TYPOS,), ["text", "**.title"], True, severity, seed)


def result(seed: int = 1, *scope: str, value: object = None) -> object:
    return channel(seed=seed).tool_result(value or {"text": PROSE}, scope or ("e", "t", "0")).value


def test_noise_belongs_to_seed_episode_tool_and_call() -> None:
    same = result()
    assert same == result()
    others = [result(2), result(1, "f", "t", "0"), result(1, "e", "u", "0"), result(1, "e", "t", "1")]
    assert all(other != same for other in others)


def test_two_fields_with_the_same_text_get_different_noise() -> None:
    value = channel().tool_result({"text": PROSE, "title": PROSE}, ("e",)).value
    assert isinstance(value, dict)
    assert value["text"] != value["title"]


def test_only_declared_fields_change() -> None:
    value = {"text": PROSE, "id": PROSE, "deep": {"title": PROSE, "body": PROSE}}
    after = channel().tool_result(value, ("e",)).value
    assert isinstance(after, dict)
    assert after["id"] == after["deep"]["body"] == PROSE
    assert after["text"] != PROSE
    assert after["deep"]["title"] != PROSE


def test_json_inside_a_text_stays_json() -> None:
    inner = '{"title":"' + PROSE + '","body":"' + PROSE + '","n":1.50}'
    after = channel().tool_result({"text": inner}, ("e",)).value
    assert isinstance(after, dict)
    document = read_json(after["text"])
    assert isinstance(document, dict)
    assert document["body"] == PROSE
    assert document["title"] != PROSE
    assert after["text"].endswith('"n":1.50}')


def test_a_user_turn_has_the_same_noise_whenever_it_is_repeated() -> None:
    turn, later = (
        {"role": "user", "content": PROSE},
        {"role": "user", "content": "and the water of the city?"},
    )
    once = channel().chat_request({"model": "m", "messages": [turn]}, "e").value
    again = channel().chat_request({"model": "m", "messages": [turn, turn, later]}, "e").value
    assert isinstance(once, dict)
    assert isinstance(again, dict)
    assert again["messages"][0] == again["messages"][1] == once["messages"][0] != turn


def test_changes_are_counted_by_step() -> None:
    observed = channel(Paraphrase(1.0), Typos(0.0, ("drop",))).tool_result({"text": PROSE}, ("e",))
    assert observed.changes == {"paraphrase": 1}


def test_severity_zero_leaves_the_document_as_it_is() -> None:
    observed = channel(severity=0.0).tool_result({"text": PROSE}, ("e",))
    assert (observed.value, observed.changes) == ({"text": PROSE}, {})


def test_a_text_to_be_rewritten_is_asked_for_and_then_looked_up() -> None:
    remote = RemoteStep("language", 1.0, "http://127.0.0.1/x", "fr")
    with pytest.raises(RewriteNeededError) as needed:
        channel(remote).tool_result({"text": PROSE}, ("e",))
    assert needed.value.rewrite == Rewrite("http://127.0.0.1/x", PROSE, "fr")
    observed = channel(remote).tool_result({"text": PROSE}, ("e",), {needed.value.rewrite: "Bonjour"})
    assert (observed.value, observed.changes) == ({"text": "Bonjour"}, {"language": 1})


def test_a_share_of_texts_is_sent_to_an_endpoint() -> None:
    """200 texts at 0.3: within 4.5 standard errors, sqrt(0.3 * 0.7 / 200) = 0.032."""
    remote, asked = channel(RemoteStep("paraphrase", 0.3, "http://127.0.0.1/x")), 0
    for i in range(200):
        try:
            remote.tool_result({"text": PROSE}, ("e", str(i)))
        except RewriteNeededError:
            asked += 1
    assert abs(asked / 200 - 0.3) < 0.146


def test_a_document_goes_through_byte_by_byte_where_nothing_is_declared() -> None:
    text = b'{"a":1.50,"b":["x",1e5]}'
    assert write_json(channel().tool_result(read_json(text), ("e",)).value) == text
