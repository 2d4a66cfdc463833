"""Errors as responses, bodies within limits: the same for every route."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from actorflow import errors

logger = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (errors.RuntimeClosedError, 503),
    (errors.LogError, 503),
    (errors.ExecutionNotFoundError, 404),
    (errors.UnknownDefinitionError, 404),
    (errors.AnswerError, 409),
    (errors.ExecutionExistsError, 409),
    (errors.ExecutionEndedError, 409),
    (errors.DefinitionMismatch, 409),
    (errors.InputError, 422),
    (errors.DefinitionError, 422),
    (errors.SettingError, 422),
    (errors.UnrecordableError, 422),
)


class RequestError(Exception):
    """The request is refused; *status* says as what."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def answered(endpoint: Endpoint) -> Endpoint:
    """Let what *endpoint* raises become a response that says what is wrong."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RequestError as error:
            return refusal(error.status, str(error))
        except errors.ActorflowError as error:
            kinds = (code for kind, code in _STATUSES if isinstance(error, kind))
            return _refused(next(kinds, 500), error)

    return answer


def _refused(status: int, error: errors.ActorflowError) -> Response:
    if status >= 500:  # noqa: PLR2004 - whatever is wrong here is no business of theirs
        logger.error("a request could not be served: %s", error)
        text = "try again later" if status == 503 else "internal error"  # noqa: PLR2004
        return refusal(status, text)
    return refusal(status, str(error), list(getattr(error, "problems", ())))


def refusal(status: int, text: str, problems: list[str] | None = None) -> Response:
    """Return a response that refuses."""
    document: dict[str, Any] = {"error": text}
    if problems:
        document["problems"] = problems
    headers = {"Retry-After": "5"} if status == 503 else None  # noqa: PLR2004
    return JSONResponse(document, status, headers)


async def body_of(request: Request, limit: int) -> bytes:
    """Return the raw body; read no more of it than *limit* bytes.

    Raises:
        RequestError: it is longer.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise RequestError(413, f"the body is longer than {limit} bytes")
    return bytes(body)


async def json_of(request: Request, limit: int = 1_000_000) -> Any:
    """Return the body as JSON; None if there is none.

    Raises:
        RequestError: it is too long, or no JSON.
    """
    body = await body_of(request, limit)
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None
