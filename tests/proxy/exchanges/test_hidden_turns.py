import pytest

from earthwire.fault_models.action import HiddenTurns, ModelCall
from earthwire.proxy.exchanges import hidden_turns
from earthwire.proxy.exchanges.hidden_turns import HiddenTurnStore


def turns(size: int) -> HiddenTurns:
    return HiddenTurns((ModelCall(0, "d", "decoy", {"arguments": "x" * size}),), ("no",))


def test_what_is_hidden_is_found_by_any_call_of_the_client() -> None:
    store = HiddenTurnStore()
    store.hide("a", ["1", "2"], turns(5))
    assert set(store.of("a")) == {"1", "2"}
    assert not store.of("b")
    store.forget("a")
    store.forget("b")
    assert not store.of("a")
    assert store.held_bytes == 0


def test_the_oldest_episode_goes_where_too_much_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden_turns, "HIDDEN_BYTES_MAX", 2500)
    store = HiddenTurnStore()
    for episode in ("a", "b", "c"):
        store.hide(episode, ["1"], turns(1000))
    assert (bool(store.of("a")), bool(store.of("b")), bool(store.of("c"))) == (False, True, True)
    assert store.held_bytes <= 2500
    store.hide("d", ["1"], turns(5000))
    assert store.held_bytes == 0
