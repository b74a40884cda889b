"""Declares episodes at a running proxy and reads what became of them. Needs nothing but the standard library.

from earthwire.client import EarthwireClient

client = EarthwireClient("http://127.0.0.1:8901", token)
with client.episode(seed=7, clock="virtual", client_timeout_s=30) as episode:
    run_agent(tools_at=episode.base_url)
    print(episode.report().virtual_s)
"""

import http.client
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

DEFAULT_TIMEOUT_S = 10.0
_ANSWER_BYTES_MAX = 64 * 1024 * 1024
_EPISODES_PATH = "/_earthwire/episodes"


class EarthwireError(Exception):
    """The proxy refused a request, or could not be reached.

    Args:
        text: what is wrong, in the proxy's words.
        status: HTTP status, or None where there was no answer.
        code: short stable name of the reason, or None.
    """

    def __init__(self, text: str, status: int | None = None, code: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class _OtherWorkerError(EarthwireError):
    def __init__(self, text: str, port: int) -> None:
        super().__init__(text, http.client.MISDIRECTED_REQUEST, "other_worker")
        self.port = port


@dataclass(frozen=True, slots=True)
class EpisodeReport:
    """What became of an episode so far.

    Attributes:
        id: of the episode.
        calls: that are over.
        outcomes: those calls by outcome kind.
        faults_by_kind, faults_by_layer: those of them that are faults.
        injected: faults that a plan made.
        intended_s, achieved_s, virtual_s: latencies added up: as drawn, as they were, on the episode's own clock.
        waited_s: virtual time that was let pass between calls.
        logical_calls, retries, recovered, gave_up: what attempts were made for, and what became of it.
        duplicate_effects, possible_duplicate_effects: work that was, or may have been, done twice.
        changes: what channels did, by name, such as ``decoys_called``: how often.
        costs: what it has spent, by charge, and what that makes of its reward; None where nothing is counted.
        whole: the answer of the proxy, with all that has no attribute here.
    """

    id: str
    calls: int
    outcomes: Mapping[str, int]
    faults_by_kind: Mapping[str, int]
    faults_by_layer: Mapping[str, int]
    injected: int
    intended_s: float
    achieved_s: float
    virtual_s: float
    waited_s: float
    logical_calls: int
    retries: int
    recovered: int
    gave_up: int
    duplicate_effects: int
    possible_duplicate_effects: int
    changes: Mapping[str, int]
    costs: Mapping[str, Any] | None
    whole: Mapping[str, object]


class Episode:
    """A declared episode; as a context manager it ends with its block.

    Attributes:
        id: of the episode.
        base_url: what an agent's base URL is to be.
        base_urls: the same for each upstream by name.
        mcp_urls: endpoint of each MCP server by name.
        headers: headers that do the same as the base URL, for clients whose URL cannot be changed.
        draws_as: name that its plans are drawn under.
    """

    def __init__(self, client: "EarthwireClient", created: Mapping[str, Any]) -> None:
        self._client = client
        self.id: str = created["id"]
        self.base_url: str = created["base_url"]
        self.base_urls: Mapping[str, str] = created["base_urls"]
        self.mcp_urls: Mapping[str, str] = created["mcp_urls"]
        self.headers: Mapping[str, str] = created["headers"]
        self.draws_as: str = created["draws_as"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        except EarthwireError as ending:
            # Ended within its block already: nothing is left to do.
            if ending.status != http.client.NOT_FOUND:
                raise

    def report(self) -> EpisodeReport:
        """Return what became of it so far."""
        return self._client.report(self.id)

    def advance(self, seconds: float) -> EpisodeReport:
        """Let virtual time pass without a call, where an agent would wait: a ``time.sleep`` of this episode.

        Args:
            seconds: on its clock, which has to be ``virtual``.

        Raises:
            EarthwireError: if its clock is another: there time passes by itself.
        """
        return self._client.advance(self.id, seconds)

    def end(self) -> EpisodeReport:
        """End it and return its last report."""
        return self._client.end(self.id)


class EarthwireClient:
    """Talks to the admin side of one proxy. May be used by several threads.

    Args:
        url: of the admin side, such as ``http://127.0.0.1:8901``; of several workers that of any one.
        token: that it asks for.
        timeout_s: for each request, in seconds.

    Raises:
        ValueError: if the URL is not one of http.
    """

    def __init__(self, url: str, token: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"{url!r} is no URL of an admin side; it looks like http://127.0.0.1:8901")
        self._host, self._port = parts.hostname, parts.port
        self._token = token
        self._timeout_s = timeout_s

    @classmethod
    def from_environment(cls) -> Self:
        """Return a client for the proxy that EARTHWIRE_ADMIN_URL and EARTHWIRE_ADMIN_TOKEN (or _TOKEN_FILE) name.

        Raises:
            KeyError: if they are not set.
        """
        token = os.environ.get("EARTHWIRE_ADMIN_TOKEN")
        if token is None:
            token = Path(os.environ["EARTHWIRE_ADMIN_TOKEN_FILE"]).read_text("utf-8").strip()
        return cls(os.environ["EARTHWIRE_ADMIN_URL"], token)

    def episode(
        self,
        *,
        id: str | None = None,
        draws_as: str | None = None,
        seed: int | None = None,
        severity: float | None = None,
        randomize: bool | None = None,
        clock: str | None = None,
        speed: float | None = None,
        client_timeout_s: float | None = None,
        timeout_shape: str | None = None,
        budget: Mapping[str, float] | None = None,
        recipe: str | Mapping[str, object] | None = None,
    ) -> Episode:
        """Declare an episode; what is left out is as the proxy's recipe says.

        Args:
            id: of your own; the proxy makes one up without it.
            draws_as: name that plans are drawn under: equal seeds and names give equal plans.
            seed, severity, randomize: of its draws.
            clock: ``real``, ``scaled`` or ``virtual``; without any the recipe's that is given here, else ``real``.
            speed: with ``scaled``, simulated seconds in a real one.
            client_timeout_s: patience of the agent; with ``virtual``, what outlasts it times out.
            timeout_shape: what stands for a time-out then: ``http_504``, ``http_408``, ``close`` or ``reset``.
            budget: what it may spend: ``cost_max``, ``calls_max``, ``tokens_max``, ``latency_s_max``; with
                ``refusal_status`` the HTTP status of what is refused then.
            recipe: name of a shipped recipe, or a recipe as a mapping: its laws, channels, clock, patience, prices and
                budget are the episode's; what else is given here counts before it.

        Raises:
            EarthwireError: if the proxy refuses it.
        """
        wanted = {name: value for name, value in locals().items() if name != "self" and value is not None}
        return Episode(self, self._request("POST", _EPISODES_PATH, wanted))

    def report(self, episode: str) -> EpisodeReport:
        """Return what became of an episode so far.

        Raises:
            EarthwireError: if no such episode is declared.
        """
        return _report(self._request("GET", f"{_EPISODES_PATH}/{quote(episode, safe='')}"))

    def advance(self, episode: str, seconds: float) -> EpisodeReport:
        """Let virtual time of an episode pass without a call; see `Episode.advance`.

        Raises:
            EarthwireError: if no such episode is declared, or its clock is not virtual.
        """
        path = f"{_EPISODES_PATH}/{quote(episode, safe='')}/advance"
        return _report(self._request("POST", path, {"seconds": seconds}))

    def end(self, episode: str) -> EpisodeReport:
        """End an episode and return its last report.

        Raises:
            EarthwireError: if no such episode is declared.
        """
        return _report(self._request("DELETE", f"{_EPISODES_PATH}/{quote(episode, safe='')}"))

    def _request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        try:
            return self._answered(self._port, method, path, body)
        except _OtherWorkerError as elsewhere:
            # Every worker says the same of whose an episode is: one step is enough.
            return self._answered(elsewhere.port, method, path, body)

    def _answered(
        self, port: int | None, method: str, path: str, body: Mapping[str, object] | None
    ) -> Mapping[str, Any]:
        connection = http.client.HTTPConnection(self._host, port, timeout=self._timeout_s)
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read(_ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            where = f"http://{self._host}:{port}"
            raise EarthwireError(
                f"{where} does not answer ({error}); is the proxy's admin side on?"
            ) from error
        finally:
            connection.close()
        return _answer(response.status, text)


def _answer(status: int, text: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise EarthwireError(
            f"HTTP status {status} without JSON; is this earthwire's admin side?", status
        ) from error
    if not isinstance(answer, dict) or status >= http.client.BAD_REQUEST:
        problem = answer.get("error", {}) if isinstance(answer, dict) else {}
        if problem.get("code") == "other_worker":
            raise _OtherWorkerError(problem["message"], problem["port"])
        raise EarthwireError(problem.get("message", f"HTTP status {status}"), status, problem.get("code"))
    return answer


def _report(answer: Mapping[str, Any]) -> EpisodeReport:
    faults, latency, attempts = answer["faults"], answer["latency"], answer["attempts"]
    return EpisodeReport(
        id=answer["id"],
        calls=answer["calls"],
        outcomes=answer["outcomes"],
        faults_by_kind=faults["by_kind"],
        faults_by_layer=faults["by_layer"],
        injected=faults["injected"],
        intended_s=latency["intended_s"],
        achieved_s=latency["achieved_s"],
        virtual_s=latency["virtual_s"],
        waited_s=latency["waited_s"],
        logical_calls=attempts["logical_calls"],
        retries=attempts["retries"],
        recovered=attempts["recovered"],
        gave_up=attempts["gave_up"],
        duplicate_effects=attempts["duplicate_effects"],
        possible_duplicate_effects=attempts["possible_duplicate_effects"],
        changes=answer.get("changes", {}),
        costs=answer.get("costs"),
        whole=answer,
    )
