"""Where targets lead."""

from typing import cast

import pytest

from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.routes import Route, Routes
from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.exchange import Source
from earthwire.proxy.wire.refusal import RequestRefusedError


def routes(*names):
    return Routes({name: Route(name, cast(Source, None), PassThrough()) for name in names}, Limits())


@pytest.mark.parametrize(
    ("target", "episode", "rest", "path"),
    [
        ("/", None, "/", "/"),
        ("/a/b?c=/t/x/", None, "/a/b?c=/t/x/", "/a/b"),
        ("/t/one", None, "/", "/"),
        ("/t/one?x=1", None, "/?x=1", "/"),
        ("/t/one/a?x=1", None, "/a?x=1", "/a"),
        ("/t/other/a", None, "/t/other/a", "/t/other/a"),
        ("/e/run-1/t/one/a", "run-1", "/a", "/a"),
        ("/e/run-1", "run-1", "/", "/"),
        ("/e/run-1//a", "run-1", "//a", "//a"),
        ("*", None, "*", "*"),
    ],
)
def test_prefixes_are_cut_off_in_order(target, episode, rest, path):
    found = routes("one").destination(target)
    assert (found.route.name, found.episode, found.target, found.path) == ("one", episode, rest, path)


def test_several_upstreams_are_told_apart_by_name():
    assert routes("one", "two").destination("/t/two/a").route.name == "two"


def test_unknown_upstream_is_a_404_that_lists_the_known_ones():
    with pytest.raises(RequestRefusedError, match="/t/one, /t/two") as caught:
        routes("two", "one").destination("/t/three/a")
    assert caught.value.status == 404


@pytest.mark.parametrize("episode", ["", "a b", "x" * 129, "ä", "a/b"])
def test_malformed_episodes_are_refused(episode):
    with pytest.raises(RequestRefusedError, match="episode id"):
        routes("one").check_episode(episode)
