"""The OpenAPI 3.1 document of the admin API, made of the models that validate it."""

from functools import lru_cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from earthwire.proxy.admin.live_models import LiveState
from earthwire.proxy.admin.models import (
    EPISODE_PATTERN,
    EPISODES_LISTED_MAX,
    EpisodeCreated,
    EpisodeList,
    EpisodeReport,
    EpisodeRequest,
    EpisodeWait,
    Error,
    Health,
    Reloaded,
)
from earthwire.proxy.admin.paths import DASHBOARD_PATH, LIVE_PATH

_REFERENCE = "#/components/schemas/{model}"
_ERRORS = {
    "400": "The request breaks a rule; `problems` lists every one.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from a page of somebody else's.",
    "404": "There is no such episode.",
    "409": "An episode of that id is declared already, its recipe cannot be that of an episode, its clock runs by "
    "itself, or there is no file to read anew.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "421": "The Host header names another listener, or another worker serves the episode of that id.",
    "422": "Recipe or profile are wrong now; what was served before still is.",
    "429": "As many episodes are declared as are kept at once.",
}
_EPISODE_PARAMETER = {
    "name": "episode",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": EPISODE_PATTERN},
}
_GUARDED = ("401", "403", "421")
_OPEN = ("403", "421")

Json = dict[str, Any]


@lru_cache(1)
def document() -> Json:
    """Return the document; callers must not change it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "earthwire admin API",
            "version": version("earthwire"),
            "description": "Declares episodes and tells what became of them. Every path but the health checks and the "
            "dashboard's page asks for the token.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _paths() -> Json:
    return {
        "/healthz": {"get": _open("healthz", "Whether the process serves its loop.", {"200": Health})},
        "/readyz": {"get": _open("readyz", "Whether calls are welcome.", {"200": Health, "503": Health})},
        "/metrics": {"get": _metrics()},
        "/_earthwire/openapi.json": {"get": _document_operation()},
        DASHBOARD_PATH: {"get": _page()},
        LIVE_PATH: {"get": _live()},
        "/_earthwire/episodes": {"get": _list(), "post": _declare()},
        "/_earthwire/reload": {
            "post": _operation("reload", "Read recipe and profile anew.", {"200": Reloaded}, ("409", "422"))
        },
        "/_earthwire/episodes/{episode}/advance": {"parameters": [_EPISODE_PARAMETER], "post": _advance()},
        "/_earthwire/episodes/{episode}": {
            "parameters": [_EPISODE_PARAMETER],
            "get": _operation(
                "readEpisode", "What became of an episode so far.", {"200": EpisodeReport}, ("404",)
            ),
            "delete": _operation(
                "endEpisode", "End an episode; its last report.", {"200": EpisodeReport}, ("404",)
            ),
        },
    }


def _page() -> Json:
    operation = _open("dashboard", "The dashboard's page, without figures: its script asks for them.", {})
    operation["responses"]["200"] = {
        "description": "The page.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    return operation


def _live() -> Json:
    operation = _operation(
        "live", "How the proxy does now: what the dashboard shows.", {"200": LiveState}, ("400",)
    )
    operation["parameters"] = [_query("scope", {"type": "string", "enum": ["all", "own"], "default": "all"})]
    return operation


def _list() -> Json:
    operation = _operation("listEpisodes", "Declared episodes, oldest first.", {"200": EpisodeList}, ("400",))
    operation["parameters"] = [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": EPISODES_LISTED_MAX, "default": 100}),
        _query("offset", {"type": "integer", "minimum": 0, "maximum": 2**31, "default": 0}),
    ]
    return operation


def _declare() -> Json:
    problems = ("400", "409", "413", "415", "429")
    operation = _operation("declareEpisode", "Declare an episode.", {"201": EpisodeCreated}, problems)
    operation["requestBody"] = {"required": True, "content": _content(EpisodeRequest)}
    # What is made can be read and ended under its id.
    operation["responses"]["201"]["links"] = {
        name: {"operationId": name, "parameters": {"episode": "$response.body#/id"}}
        for name in ("readEpisode", "endEpisode", "advanceEpisode")
    }
    return operation


def _advance() -> Json:
    problems = ("400", "404", "409", "413", "415")
    summary = "Let virtual time pass without a call; what became of the episode so far."
    operation = _operation("advanceEpisode", summary, {"200": EpisodeReport}, problems)
    operation["requestBody"] = {"required": True, "content": _content(EpisodeWait)}
    return operation


def _metrics() -> Json:
    operation = _operation("metrics", "Metrics in Prometheus' text format.", {}, ())
    operation["responses"]["200"] = {
        "description": "Metrics.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return operation


def _document_operation() -> Json:
    operation = _operation("openapi", "This document.", {}, ())
    operation["responses"]["200"] = {
        "description": "This document.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    return operation


def _open(name: str, summary: str, answers: dict[str, type[BaseModel]]) -> Json:
    """Return an operation that needs no token."""
    return {**_operation(name, summary, answers, (), _OPEN), "security": []}


def _operation(
    name: str,
    summary: str,
    answers: dict[str, type[BaseModel]],
    problems: tuple[str, ...],
    always: tuple[str, ...] = _GUARDED,
) -> Json:
    responses: Json = {
        status: {"description": model.__doc__, "content": _content(model)}
        for status, model in answers.items()
    }
    for status in sorted((*problems, *always)):
        responses[status] = {"description": _ERRORS[status], "content": _content(Error)}
    return {"operationId": name, "summary": summary, "responses": responses}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _content(model: type[BaseModel]) -> Json:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}


def _schemas() -> Json:
    _, taken = models_json_schema(
        [(EpisodeRequest, "validation"), (EpisodeWait, "validation")], ref_template=_REFERENCE
    )
    given = [
        (model, "serialization")
        for model in (EpisodeCreated, EpisodeList, EpisodeReport, Error, Health, LiveState, Reloaded)
    ]
    _, answers = models_json_schema(given, ref_template=_REFERENCE)  # type: ignore[arg-type]  # literals, widened
    schemas: Json = {**taken["$defs"], **answers["$defs"]}
    return schemas
