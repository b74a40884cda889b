from earthwire.proxy.workers import DeclaredTable


def test_what_was_declared_is_lost_to_the_next_process_until_it_is_declared_again() -> None:
    table = DeclaredTable(2, 10)
    first = table.of(1)
    for episode in ("a", "b", "c"):
        first.add(episode)
        assert not first.is_lost(episode)
    first.discard("b")
    second = table.of(1)
    assert [second.is_lost(episode) for episode in ("a", "b", "c", "d")] == [True, False, True, False]
    second.add("a")
    assert not second.is_lost("a")
    assert second.is_lost("c")
    third = table.of(1)
    assert [third.is_lost(episode) for episode in ("a", "b", "c")] == [True, False, True]


def test_a_lost_episode_that_is_ended_is_forgotten() -> None:
    table = DeclaredTable(1, 10)
    table.of(0).add("a")
    second = table.of(0)
    second.discard("a")
    assert not second.is_lost("a")
    assert not table.of(0).is_lost("a")


def test_workers_have_episodes_of_their_own() -> None:
    table = DeclaredTable(2, 10)
    table.of(0).add("a")
    assert not table.of(1).is_lost("a")
    assert table.of(0).is_lost("a")


def test_adding_twice_takes_one_place() -> None:
    table = DeclaredTable(1, 1)
    ids = table.of(0)
    for _ in range(5):
        ids.add("a")
    ids.add("b")
    assert table.of(0).is_lost("a")
    assert table.of(0).is_lost("b")


def test_the_lost_make_room_for_those_that_are_there() -> None:
    """Crash after crash, nothing overflows, and what is declared now is never dropped."""
    table, count_max = DeclaredTable(1, 5), 5
    for crash in range(4):
        ids = table.of(0)
        for number in range(count_max):
            ids.add(f"{crash}-{number}")
        after = table.of(0)
        assert all(after.is_lost(f"{crash}-{number}") for number in range(count_max))
