"""The built-in agents: each places five orders and tries again as its policy says. Started by `earthwire stress`.

An order is placed when the tool says so. Waiting is shorter where the episode's clock is faster than ours.
"""

import json
import math
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from http.client import HTTPException

from earthwire.fault_models.runs.retry_policy import POLICIES, RetryPolicy

ORDERS = 5
TIMEOUT_S = 10.0
SPEED_VARIABLE = "EARTHWIRE_CLOCK_SPEED"
_ANSWER_BYTES_MAX = 1 << 20


class CallFailedError(Exception):
    """An attempt failed.

    Args:
        retry_after_s: what the tool asked for, or None.
    """

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__("the attempt failed")
        self.retry_after_s = retry_after_s


def main() -> None:
    """Place the orders; exit with 0 if all were placed."""
    policy = POLICIES[sys.argv[1]]
    base_url = os.environ["EARTHWIRE_URL"]
    speed = float(os.environ.get(SPEED_VARIABLE, "1"))
    names = [f"{uuid.uuid4().hex}-{number}" for number in range(ORDERS)]
    placed = [place(base_url, name, policy, speed) for name in names]
    sys.exit(0 if all(placed) else 1)


def place(base_url: str, name: str, policy: RetryPolicy, speed: float) -> bool:
    """Place one order; tell whether it was placed, as far as the agent can know.

    Args:
        base_url: of the tool.
        name: of the order.
        policy: when to try again.
        speed: seconds of the episode in one of ours; infinite where its time is virtual.
    """
    attempts = 0
    while True:
        attempts += 1
        try:
            return _asked(f"{base_url}/orders", name, {"id": name}) > 0
        except CallFailedError as failed:
            wait_s = policy.wait_before_next_s(attempts, failed.retry_after_s)
        if wait_s is None:
            return False
        time.sleep(0.0 if math.isinf(speed) else wait_s / speed)
        if policy.verifies and _was_placed(base_url, name):
            return True


def _was_placed(base_url: str, name: str) -> bool:
    try:
        return _asked(f"{base_url}/orders?id={name}", name) > 0
    except CallFailedError:
        return False


def _asked(url: str, name: str, body: dict[str, str] | None = None) -> int:
    """Return how often the tool says that an order was placed.

    Raises:
        CallFailedError: if there is no answer, or none that is about this order.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            answer = json.loads(response.read(_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            told = error.headers.get("Retry-After", "")
        raise CallFailedError(float(told) if told.isdigit() else None) from error
    except (OSError, HTTPException, ValueError) as error:
        raise CallFailedError from error
    if not isinstance(answer, dict) or answer.get("id") != name or not isinstance(answer.get("placed"), int):
        raise CallFailedError
    return int(answer["placed"])


if __name__ == "__main__":
    main()
