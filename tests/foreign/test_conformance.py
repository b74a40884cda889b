"""Each check of the official MCP conformance suites ends through the proxy as it ends directly."""

import contextlib
import json
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from foreign.conformance import RUNS, SESSIONS, Run, results, running_proxy, running_server
from foreign.environments import EnvironmentUnavailableError, python_environment

CHECKS_OF_THE_SUITE = 40
MESSAGE_S_MAX = 10.0


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.suite)
def test_the_proxy_changes_no_check(run: Run) -> None:
    try:
        direct, proxied = results(run)
    except EnvironmentUnavailableError as error:
        pytest.skip(f"{run.suite} cannot be installed here: {error}")
    assert proxied == direct
    passed_count = sum(passed for passed, _ in direct.values())
    assert passed_count == CHECKS_OF_THE_SUITE if run is SESSIONS else passed_count > CHECKS_OF_THE_SUITE


@pytest.mark.slow
@pytest.mark.parametrize("way", [contextlib.nullcontext, running_proxy], ids=["direct", "proxied"])
def test_a_tool_asks_its_client_without_a_stream_of_the_session(
    way: Callable[[str], contextlib.AbstractContextManager[str]],
) -> None:
    """The suite's client opens that stream while it calls: a question that needs it is lost now and then."""
    try:
        python = python_environment("mcp-" + SESSIONS.sdk.rpartition("==")[2], SESSIONS.sdk)
    except EnvironmentUnavailableError as error:
        pytest.skip(f"{SESSIONS.sdk} cannot be installed here: {error}")
    with (
        running_server(python, SESSIONS.server) as url,
        way(url) as endpoint,
        contextlib.closing(Client(endpoint)) as client,
    ):
        call = client.call("test_sampling", {"prompt": "Who are you?"})
        question = next_message(call)
        assert question["method"] == "sampling/createMessage"
        client.answer(question, {"role": "assistant", "content": {"type": "text", "text": "I"}, "model": "m"})
        result = next_message(call)["result"]
    assert result["content"] == [{"type": "text", "text": "LLM response: I"}]


class Client:
    """An MCP client whose every message has a connection of its own, and which opens no stream of the session."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._connections: list[HTTPConnection] = []
        self._headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": "2025-11-25",
        }
        capabilities: dict[str, Any] = {"sampling": {}}
        begun = self._post(
            id=0,
            method="initialize",
            params={
                "protocolVersion": "2025-11-25",
                "capabilities": capabilities,
                "clientInfo": {"name": "test", "version": "1"},
            },
        )
        self._headers["Mcp-Session-Id"] = str(begun.headers["Mcp-Session-Id"])
        next_message(begun)
        assert self._post(method="notifications/initialized").status == 202

    def call(self, tool: str, arguments: dict[str, Any]) -> HTTPResponse:
        """Call a tool; return its stream."""
        return self._post(id=1, method="tools/call", params={"name": tool, "arguments": arguments})

    def answer(self, question: dict[str, Any], result: dict[str, Any]) -> None:
        """Answer a request of the server."""
        assert self._post(id=question["id"], result=result).status == 202

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def _post(self, **message: Any) -> HTTPResponse:
        connection = HTTPConnection(str(self._url.hostname), self._url.port, timeout=MESSAGE_S_MAX)
        self._connections.append(connection)
        connection.request("POST", self._url.path, json.dumps({"jsonrpc": "2.0", **message}), self._headers)
        return connection.getresponse()


def next_message(stream: HTTPResponse) -> dict[str, Any]:
    """Return the next message of a stream of events; comments and events without data, which keep it open, are none."""
    deadline_s = time.monotonic() + MESSAGE_S_MAX
    while (line := stream.readline()) and time.monotonic() < deadline_s:
        data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
        if data:
            message: dict[str, Any] = json.loads(data)
            return message
    raise AssertionError("no message came")
