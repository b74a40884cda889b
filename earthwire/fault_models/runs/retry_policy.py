"""Retry policies of scripted agents: what a client does after a failed attempt, without waiting for anything."""

from typing import Final

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a failed call is tried again.

    Attributes:
        name: of the policy.
        text: what it does, for people.
        attempts_max: attempts at one call, the first included.
        wait_s: before the second attempt.
        factor: by which each further wait is longer.
        wait_s_max: longest wait.
        honours_retry_after: waits as long as the tool asks for, if that is longer.
        verifies: asks before a repetition whether the work was done.
    """

    name: str
    text: str
    attempts_max: int
    wait_s: float = 0.0
    factor: float = 2.0
    wait_s_max: float = 60.0
    honours_retry_after: bool = False
    verifies: bool = False

    def wait_before_next_s(self, attempts: int, retry_after_s: float | None) -> float | None:
        """Return how long to wait before the next attempt; None to give up.

        Args:
            attempts: that failed so far, at least 1.
            retry_after_s: what the tool asked for last, or None.

        >>> [POLICIES["back-off"].wait_before_next_s(attempts, 30.0) for attempts in (1, 2, 3, 4)]
        [0.5, 1.0, 2.0, None]
        """
        if attempts >= self.attempts_max:
            return None
        wait_s = self.wait_s * self.factor ** (attempts - 1)
        if self.honours_retry_after and retry_after_s is not None:
            wait_s = max(wait_s, retry_after_s)
        return min(wait_s, self.wait_s_max)


POLICIES: Final[dict[str, RetryPolicy]] = {
    policy.name: policy
    for policy in (
        RetryPolicy(name="none", text="never tries again", attempts_max=1),
        RetryPolicy(name="immediate", text="up to 3 retries at once", attempts_max=4),
        RetryPolicy(name="back-off", text="up to 3 retries after 0.5, 1 and 2 s", attempts_max=4, wait_s=0.5),
        RetryPolicy(
            name="retry-after",
            text="as back-off, but waits as long as Retry-After says",
            attempts_max=4,
            wait_s=0.5,
            honours_retry_after=True,
        ),
        RetryPolicy(
            name="verify",
            text="as retry-after, but first asks whether the work was done",
            attempts_max=4,
            wait_s=0.5,
            honours_retry_after=True,
            verifies=True,
        ),
    )
}
"""The panel, from the careless to the careful. All but the first make four attempts, so that they can be compared."""
