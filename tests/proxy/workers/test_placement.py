"""An episode has one worker, the same in every process and every run."""

from collections import Counter

import pytest

from earthwire.proxy.wire.body import NO_BODY
from earthwire.proxy.wire.request import Request, RequestHeaders, RequestLine
from earthwire.proxy.workers import Placement, worker_of

PORTS = (9000, 9001, 9002, 9003)


def request(target: str, episode: str | None = None) -> Request:
    headers = RequestHeaders([], b"", None, False, True, False, False, episode)
    return Request(RequestLine("GET", target), headers, 0.0, NO_BODY)


def test_the_worker_of_an_episode_never_changes() -> None:
    """Known values: another hash would move running episodes between the workers of two versions."""
    assert [worker_of(f"run-{number}", 4) for number in range(8)] == [3, 3, 0, 1, 0, 0, 3, 0]


def test_episodes_spread_evenly() -> None:
    """10,000 episodes on 4 workers: each has 2,500 give or take 5 standard deviations of 43."""
    counts = Counter(worker_of(f"episode-{number}", 4) for number in range(10_000))
    assert sorted(counts) == [0, 1, 2, 3]
    assert all(abs(count - 2500) < 217 for count in counts.values())


@pytest.mark.parametrize(
    ("target", "header", "episode"),
    [
        ("/e/run-1/a", None, "run-1"),
        ("/e/run-1/a?b=/e/c/", None, "run-1"),
        ("/e/run-1?b", None, "run-1"),
        ("/e/run-1", "run-2", "run-1"),
        ("/a/e/run-1", "run-2", "run-2"),
        ("/a", None, "default"),
    ],
)
def test_a_request_belongs_to_the_episode_of_its_path_or_header(
    target: str, header: str | None, episode: str
) -> None:
    owner = worker_of(episode, len(PORTS))
    for index in range(len(PORTS)):
        elsewhere = Placement(index, PORTS).owner_elsewhere(request(target, header))
        assert elsewhere == (None if index == owner else owner)


def test_plain_calls_stay_where_they_are_if_nothing_is_drawn() -> None:
    for index in range(len(PORTS)):
        placement = Placement(index, PORTS, spreads_plain=True)
        assert placement.owner_elsewhere(request("/a")) is None
        assert placement.owns("default")
        assert placement.owns("run-1") == (worker_of("run-1", len(PORTS)) == index)


def test_the_base_url_of_an_episode_has_its_workers_port() -> None:
    assert {Placement(index, PORTS).port_of("run-1") for index in range(len(PORTS))} == {
        PORTS[worker_of("run-1", len(PORTS))]
    }
