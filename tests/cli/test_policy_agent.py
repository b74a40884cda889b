"""The built-in agents at a real tool that fails in a set way before it works."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from earthwire.cli.agents._policy_agent import place
from earthwire.fault_models.runs.retry_policy import POLICIES

FAST = 1000.0


class Orders(ThreadingHTTPServer):
    """A tool that works off a list of failures.

    Attributes:
        failures: what becomes of the next orders: ``503``, ``garbage``, or ``lost``, where the order is placed and no
            answer comes.
        placed: orders that were placed.
        asked: questions whether an order was placed.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures: list[str] = []
        self.placed: list[str] = []
        self.asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Orders

    def do_POST(self) -> None:
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"]
        failure = self.server.failures.pop(0) if self.server.failures else ""
        if failure in ("", "lost"):
            self.server.placed.append(name)
        if failure == "lost":
            return
        if failure == "garbage":
            self._answer(200, b"<html>")
        else:
            self._answer(int(failure or 201), json.dumps({"id": name, "placed": 1}).encode())

    def do_GET(self) -> None:
        self.server.asked += 1
        name = self.path.partition("=")[2]
        self._answer(200, json.dumps({"id": name, "placed": self.server.placed.count(name)}).encode())

    def log_message(self, format: str, *args: object) -> None: ...

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 503:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def orders() -> Iterator[Orders]:
    server = Orders()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def placed(orders: Orders, policy: str, *failures: str) -> bool:
    orders.failures = list(failures)
    return place(f"http://127.0.0.1:{orders.server_port}", "a", POLICIES[policy], FAST)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("failure", ["503", "garbage"])
def test_all_but_the_careless_get_over_a_failure(orders: Orders, policy: str, failure: str) -> None:
    assert placed(orders, policy, failure) == (policy != "none")
    assert len(orders.placed) == (policy != "none")


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "none"])
@pytest.mark.parametrize("failures", [3, 4])
def test_four_failures_are_one_too_many(orders: Orders, policy: str, failures: int) -> None:
    assert placed(orders, policy, *["503"] * failures) == (failures == 3)


@pytest.mark.parametrize(("policy", "count"), [("immediate", 2), ("retry-after", 2), ("verify", 1)])
def test_only_who_asks_first_orders_once_where_an_answer_is_lost(
    orders: Orders, policy: str, count: int
) -> None:
    assert placed(orders, policy, "lost")
    assert orders.placed == ["a"] * count
    assert orders.asked == (policy == "verify")
