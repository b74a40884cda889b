"""The episode in W3C baggage, for agents whose tracing library carries a context through, but no header of ours."""

from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

BAGGAGE_KEY = b"earthwire.episode"


def episode_in_baggage(values: Sequence[bytes]) -> str | None:
    """Return the episode that the values of `baggage` headers name; None if they name none.

    >>> episode_in_baggage([b"user=1", b"x=2 , earthwire.episode = run%2D1;ttl=3"])
    'run-1'
    """
    for value in values:
        for member in value.split(b","):
            key, equals, rest = member.partition(b"=")
            if equals and key.strip() == BAGGAGE_KEY:
                return unquote_to_bytes(rest.partition(b";")[0].strip()).decode("latin-1")
    return None
