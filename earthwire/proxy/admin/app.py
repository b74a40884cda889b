"""The admin API: episodes, health and metrics, on a port of its own in the proxy's loop."""

import asyncio
import secrets
import time
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from earthwire.config.episode_recipe import EpisodeRecipeError
from earthwire.proxy.admin.answers import (
    error_answer,
    errors_as_json,
    invalid_answer,
    json_answer,
    repeated_answer,
)
from earthwire.proxy.admin.guard import Guard
from earthwire.proxy.admin.health import health_word
from earthwire.proxy.admin.live_api import LiveApi
from earthwire.proxy.admin.metrics import CONTENT_TYPE, exposition
from earthwire.proxy.admin.models import (
    EpisodeList,
    EpisodeQuery,
    EpisodeRequest,
    EpisodeWait,
    Health,
    Reloaded,
)
from earthwire.proxy.admin.openapi import document
from earthwire.proxy.admin.peers import Peers
from earthwire.proxy.admin.reports import created, report
from earthwire.proxy.admin.settings import settings_of
from earthwire.proxy.admin.subject import NothingToReadError, ReloadFailedError, Subject
from earthwire.proxy.episodes.episodes import (
    ClockRunsError,
    EpisodeExistsError,
    EpisodeRun,
    TooManyEpisodesError,
)

BODY_BYTES_MAX = 64 * 1024
EPISODES_PATH = "/_earthwire/episodes"
RELOAD_PATH = "/_earthwire/reload"

_ID_BYTES = 9

_Model = TypeVar("_Model", bound=BaseModel)


class AdminApi:
    """The handlers of all paths.

    Args:
        subject: the proxy.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        one = EPISODES_PATH + "/{episode}"
        return [
            web.get("/healthz", self.healthz, allow_head=False),
            web.get("/readyz", self.readyz, allow_head=False),
            web.get("/metrics", self.metrics, allow_head=False),
            web.get("/_earthwire/openapi.json", self.openapi, allow_head=False),
            web.get(EPISODES_PATH, self.list_episodes, allow_head=False),
            web.post(EPISODES_PATH, self.declare),
            web.get(one, self.read, allow_head=False),
            web.delete(one, self.end),
            web.post(one + "/advance", self.advance),
            web.post(RELOAD_PATH, self.reload),
        ]

    async def healthz(self, _: web.Request) -> web.Response:
        """Say that this process serves its loop."""
        return json_answer(self._health())

    async def readyz(self, _: web.Request) -> web.Response:
        """Say whether calls are welcome: 503 while the proxy starts, stops, or lags behind."""
        health = self._health()
        return json_answer(health, 200 if health.status == "ok" else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        """Return the metrics for Prometheus."""
        return web.Response(body=exposition(self._subject), headers={"Content-Type": CONTENT_TYPE})

    async def openapi(self, _: web.Request) -> web.Response:
        """Return the OpenAPI document of this API."""
        return web.json_response(document())

    async def list_episodes(self, request: web.Request) -> web.Response:
        """Return a part of the declared episodes."""
        if problem := repeated_answer(request):
            return problem
        try:
            query = EpisodeQuery.model_validate(dict(request.query))
        except ValidationError as error:
            return invalid_answer(EpisodeQuery, error)
        self._subject.calls.settle()
        runs = list(self._subject.episodes)
        part = runs[query.offset : query.offset + query.limit]
        return json_answer(EpisodeList(total=len(runs), episodes=[report(run) for run in part]))

    async def declare(self, request: web.Request) -> web.Response:
        """Begin an episode."""
        wanted = await _taken(request, EpisodeRequest)
        if isinstance(wanted, web.Response):
            return wanted
        episode = wanted.id or self._fresh_id()
        if elsewhere := self._elsewhere(episode):
            return elsewhere
        try:
            # A profile is read from its file, once: calls of other episodes do not wait for that.
            settings = (
                settings_of(wanted) if wanted.recipe is None else await asyncio.to_thread(settings_of, wanted)
            )
            run = self._subject.episodes.declare(episode, settings, time.time())
        except EpisodeRecipeError as error:
            return error_answer(409, "recipe_refused", str(error))
        except EpisodeExistsError as error:
            return error_answer(409, "episode_exists", str(error))
        except TooManyEpisodesError as error:
            return error_answer(429, "too_many_episodes", str(error))
        return json_answer(created(run, self._subject), 201, {"Location": f"{EPISODES_PATH}/{episode}"})

    async def read(self, request: web.Request) -> web.Response:
        """Return what became of an episode so far."""
        self._subject.calls.settle()
        episode = request.match_info["episode"]
        if elsewhere := self._elsewhere(episode):
            return elsewhere
        return self._answer_of(self._subject.episodes.get(episode), episode)

    async def end(self, request: web.Request) -> web.Response:
        """End an episode and return what became of it."""
        self._subject.calls.settle()
        episode = request.match_info["episode"]
        if elsewhere := self._elsewhere(episode):
            return elsewhere
        answer = self._answer_of(self._subject.episodes.get(episode), episode)
        self._subject.episodes.end(episode)
        return answer

    async def advance(self, request: web.Request) -> web.Response:
        """Let time of an episode pass in which its agent makes no call."""
        wait = await _taken(request, EpisodeWait)
        if isinstance(wait, web.Response):
            return wait
        episode = request.match_info["episode"]
        if elsewhere := self._elsewhere(episode):
            return elsewhere
        run = self._subject.episodes.get(episode)
        try:
            if run is not None:
                run.wait(wait.seconds)
        except ClockRunsError as error:
            return error_answer(409, "clock_runs", f"{error}: its time passes by itself, so wait instead")
        self._subject.calls.settle()
        return self._answer_of(run, episode)

    async def reload(self, _: web.Request) -> web.Response:
        """Have recipe and profile read anew; a body means nothing."""
        try:
            return json_answer(Reloaded(message=await self._subject.reload()))
        except NothingToReadError as error:
            return error_answer(409, "nothing_to_read", str(error))
        except ReloadFailedError as error:
            return error_answer(422, "not_reloaded", str(error))

    def _answer_of(self, run: EpisodeRun | None, episode: str) -> web.Response:
        """Return what became of an episode, or that there is none."""
        if run is not None:
            return json_answer(report(run))
        text = f"no episode {episode[:200]!r} is declared; POST {EPISODES_PATH} declares one"
        if self._subject.episodes.is_lost(episode):
            text = f"episode {episode[:200]!r} was lost when its worker crashed; POST {EPISODES_PATH} declares it again"
        return error_answer(404, "no_such_episode", text)

    def _elsewhere(self, episode: str) -> web.Response | None:
        """Return where an episode has to be asked for; None for those that this process serves."""
        placement = self._subject.placement
        if placement is None or placement.owns(episode):
            return None
        port = placement.admin_port_of(episode)
        text = f"another worker serves episode {episode[:200]!r}: ask at port {port}, or leave the id out"
        return error_answer(421, "other_worker", text, port=port)

    def _fresh_id(self) -> str:
        """Return an id that nobody has; of several workers, one that this process serves."""
        placement = self._subject.placement
        while True:
            episode = f"e-{secrets.token_urlsafe(_ID_BYTES)}"
            if placement is None or placement.owns(episode):
                return episode

    def _health(self) -> Health:
        status = self._subject.status()
        return Health(
            status=health_word(status),
            inflight=status.inflight_count,
            connections=status.connection_count,
            episodes=len(self._subject.episodes),
            lag_s=max(status.lag_s, 0.0),
        )


def make_app(subject: Subject, guard: Guard, peers: Peers | None) -> web.Application:
    """Return the admin side as an aiohttp application.

    Args:
        subject: the proxy.
        guard: whom it lets in.
        peers: the other workers; None where there are none.
    """
    app = web.Application(middlewares=[guard.middleware(), errors_as_json], client_max_size=BODY_BYTES_MAX)
    app.add_routes(AdminApi(subject).routes())
    app.add_routes(LiveApi(subject, peers).routes())
    return app


async def _taken(request: web.Request, model: type[_Model]) -> _Model | web.Response:
    """Return the body of a request; where it is wrong, the answer that says so."""
    if request.content_type != "application/json":
        return error_answer(
            415, "not_json", f"Content-Type is {request.content_type!r}; send application/json"
        )
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        return invalid_answer(model, error)
