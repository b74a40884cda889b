"""Asks the endpoints that a recipe names to rewrite texts, and remembers what they said.

An endpoint gets ``{"text": ..., "language": ...}`` by POST and answers ``{"text": ...}``. One that fails is reported
once, and its texts stay as they are.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable

from earthwire.fault_models.channels import Passing
from earthwire.fault_models.observation.rewrite import Rewrite, RewriteNeededError
from earthwire.proxy.wire.refusal import UpstreamError

ANSWERS_MAX = 10_000
"""Bound on the rewritten texts that are remembered; beyond, the oldest is asked for again."""
ANSWER_BYTES_MAX = 1 << 20
TIMEOUT_S = 30.0
ROUNDS_MAX = 1_000
"""Bound on the texts of one document that are sent to endpoints."""


class Rewriter:
    """Rewrites texts by endpoints outside.

    Attributes:
        answers: texts that were rewritten so far.

    Args:
        warn: takes warnings.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.answers: OrderedDict[Rewrite, str] = OrderedDict()
        self._warn = warn
        self._failed: set[str] = set()

    async def until_known(self, apply: Callable[[], Passing]) -> Passing:
        """Apply a channel, asking for each text that it needs rewritten, until it needs no more.

        Raises:
            UpstreamError: if one document needs more than `ROUNDS_MAX` texts rewritten.
        """
        for _ in range(ROUNDS_MAX):
            try:
                return apply()
            except RewriteNeededError as needed:
                # A task of its own: connections are served by fibers, which cannot have a timeout.
                await asyncio.get_running_loop().create_task(self._ask(needed.rewrite))
        text = f"more than {ROUNDS_MAX} texts of one document are to be rewritten; declare fewer fields"
        raise UpstreamError("too_many_texts", text)

    async def _ask(self, rewrite: Rewrite) -> None:
        # Here, since few recipes name an endpoint, and the library takes a fifth of a second to load.
        import aiohttp

        text = rewrite.text
        if rewrite.url not in self._failed:
            try:
                text = await _rewritten(rewrite)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                self._failed.add(rewrite.url)
                self._warn(f"{rewrite.url} does not rewrite texts ({error}); they stay as they are")
        self.answers[rewrite] = text
        if len(self.answers) > ANSWERS_MAX:
            self.answers.popitem(last=False)


async def _rewritten(rewrite: Rewrite) -> str:
    """Return what an endpoint makes of a text.

    Raises:
        ClientError: if it cannot be reached or refuses.
        TimeoutError: if it takes longer than `TIMEOUT_S`.
        ValueError: if its answer is not what it should be.
    """
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    body = {"text": rewrite.text, "language": rewrite.language}
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(rewrite.url, json=body, allow_redirects=False) as response,
    ):
        response.raise_for_status()
        data = await response.content.read(ANSWER_BYTES_MAX + 1)
    if len(data) > ANSWER_BYTES_MAX:
        raise ValueError(f"answer of more than {ANSWER_BYTES_MAX} bytes")
    answer = json.loads(data)
    text = answer.get("text") if isinstance(answer, dict) else None
    if not isinstance(text, str):
        raise ValueError('answer is not {"text": ...}')
    return text
