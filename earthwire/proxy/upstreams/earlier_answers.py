"""Earlier answers of an upstream, for answers that are stale: like a cache that was filled once and never again."""

from collections import OrderedDict

ANSWERS_MAX = 1_024
ANSWER_BYTES_MAX = 64 * 1024
"""Longer answers are never stale. Together with `ANSWERS_MAX` it bounds the memory at 64 MiB."""


class EarlierAnswers:
    """The answer that each request of an episode got when it was first remembered.

    Only requests whose answer is to be stale are remembered: the first of them fills the cache, later ones are answered
    from it.
    """

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()

    def first(self, episode: str, method: str, target: str, body: bytes) -> bytes:
        """Return the body that was remembered for a request; `body` itself, which is remembered now, if there is none.

        Args:
            episode: the agent run.
            method, target: of the request.
            body: of the upstream's answer of now, as it came.
        """
        key = (episode, method, target)
        known = self._bodies.get(key)
        if known is not None:
            return known
        if len(body) <= ANSWER_BYTES_MAX:
            if len(self._bodies) >= ANSWERS_MAX:
                self._bodies.popitem(last=False)
            self._bodies[key] = body
        return body

    def forget(self, episode: str) -> None:
        """Drop what an episode remembers."""
        for key in [key for key in self._bodies if key[0] == episode]:
            del self._bodies[key]
