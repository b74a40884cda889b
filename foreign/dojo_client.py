"""A scripted agent for the tasks of `agentdojo`: it makes the calls of the ground truth, and reads what they return.

It knows what to do, not what the world says: a tool is the one on the list whose description fits best, and a word of
an argument or of the answer that the prompt does not hold is read in an earlier result, at the place where it stands
when all is well. It never tries again. Standard library alone; started as ``dojo_client.py URL [COUNT]``,
with the experimenter's side at ``DOJO_URL``.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

CALL_TIMEOUT_S = 60.0
_WORD = re.compile(r"\S+")


class FailedCallError(Exception):
    """A call did not give a result."""


class Notes:
    """What the agent has read so far.

    Args:
        prompt: of the task.
        expected: results of its calls when all is well, in order.
    """

    def __init__(self, prompt: str, expected: Sequence[str]) -> None:
        self._prompt = prompt
        self._expected = [_WORD.findall(text) for text in expected]
        self._read: list[list[str]] = []

    def add(self, text: str) -> None:
        """Take the result of the next call."""
        self._read.append(_WORD.findall(text))

    def filled(self, value: Any) -> Any:
        """Return a value with what has to be read in it as it was read."""
        if isinstance(value, str):
            return _WORD.sub(lambda found: self._as_read(found[0]), value)
        if isinstance(value, list):
            return [self.filled(part) for part in value]
        if isinstance(value, dict):
            return {name: self.filled(part) for name, part in value.items()}
        return value

    def _as_read(self, word: str) -> str:
        if word in self._prompt:
            return word
        for expected, read in zip(self._expected, self._read, strict=False):
            for place, known in enumerate(expected):
                if word in known:
                    before, _, after = known.partition(word)
                    seen = read[place] if place < len(read) else ""
                    return seen[len(before) : len(seen) - len(after)]
        return word


def main() -> None:
    """Do all tasks, one episode each; print a line for each."""
    url, side_url = sys.argv[1], os.environ["DOJO_URL"]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else None
    for task in asked(f"{side_url}/tasks")[:count]:
        success = do(f"{url}/e/{task}/m/dojo/mcp", side_url, task)
        print(json.dumps({"task": task, "success": success}), flush=True)


def do(mcp_url: str, side_url: str, task: str) -> bool:
    """Do one task; return whether the package calls it solved."""
    begun = asked(f"{side_url}/begin", {"task": task})
    steps, session = begun["steps"], begun["session"]
    notes = Notes(begun["prompt"], [step["result"] for step in steps])
    answer = ""
    try:
        tools = rpc(mcp_url, session, 1, "tools/list", {})["tools"]
        for number, step in enumerate(steps, start=2):
            arguments = notes.filled(step["arguments"])
            params = {"name": chosen(tools, step["wanted"]), "arguments": arguments}
            notes.add(text_of(rpc(mcp_url, session, number, "tools/call", params)))
        answer = notes.filled(begun["answer"])
    except FailedCallError:
        pass
    solved = asked(f"{side_url}/judge", {"session": session, "answer": answer})["success"]
    return bool(solved)


def chosen(tools: Sequence[dict[str, Any]], wanted: str) -> str:
    """Return the name of the tool whose description shares the most words with what is wanted; the first of equals."""
    words = set(_WORD.findall(wanted))
    best = max(tools, key=lambda tool: len(words & set(_WORD.findall(tool.get("description", "")))))
    return str(best["name"])


def text_of(result: dict[str, Any]) -> str:
    """Return the text of a tool's result.

    Raises:
        FailedCallError: if it is an error, or no text.
    """
    try:
        if not result.get("isError"):
            return "\n".join(part["text"] for part in result["content"])
    except (KeyError, TypeError):
        pass
    raise FailedCallError


def rpc(url: str, session: str, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a request to an MCP server.

    Raises:
        FailedCallError: if there is none.
    """
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Mcp-Session-Id": session,
        "Mcp-Protocol-Version": "2025-06-18",
    }
    try:
        answer = asked(url, message, headers)
    except (OSError, HTTPException, ValueError) as error:
        raise FailedCallError from error
    result = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(result, dict):
        raise FailedCallError
    return result


def asked(url: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
    """Return the JSON that a URL answers with."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=CALL_TIMEOUT_S) as response:
        return json.loads(response.read())


if __name__ == "__main__":
    main()
