"""Answers of the admin side: JSON, and errors in the one form that the proxy uses."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from pydantic import BaseModel, ValidationError

from earthwire.config.validation_text import problem_texts
from earthwire.proxy.wire.refusal import error_body

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_answer(
    model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a model as JSON."""
    return web.Response(
        status=status, text=model.model_dump_json(), content_type="application/json", headers=headers
    )


def error_answer(
    status: int, code: str, text: str, headers: Mapping[str, str] | None = None, **details: object
) -> web.Response:
    """Return an error as JSON.

    Args:
        status: HTTP status.
        code: short stable name of the reason.
        text: what is wrong and what to do about it.
        headers: further headers.
        details: further members.
    """
    return web.Response(
        status=status,
        body=error_body(code, text, **details),
        content_type="application/json",
        headers=headers,
    )


def invalid_answer(model: type[BaseModel], error: ValidationError) -> web.Response:
    """Return what is wrong with a body or a query: one sentence a problem, each with key, value and way out."""
    problems = problem_texts(model, error, "body")
    return error_answer(400, "invalid", "; ".join(problems), problems=problems)


def repeated_answer(request: web.Request) -> web.Response | None:
    """Return what is wrong with a query that gives something twice; None if it does not."""
    twice = {name for name in request.query if len(request.query.getall(name)) > 1}
    if not twice:
        return None
    return error_answer(400, "invalid", f"{', '.join(sorted(twice))}: given more than once; once is enough")


@web.middleware
async def errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer what aiohttp itself refuses, such as an unknown path, in the same form as everything else."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        code = (error.reason or "error").lower().replace(" ", "_")
        return error_answer(
            error.status, code, f"{request.method} {request.path[:200]}: {error.reason}", headers
        )
