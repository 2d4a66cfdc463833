"""The application: its routes, and what each kind of refusal is in HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from actorflow.errors import DefinitionError
from actorflow.runtime.runtime import Runtime
from actorflow.runtime.signing import is_token
from actorflow.web import executions
from actorflow.web.answering import answered
from actorflow.web.receiving import receive
from actorflow.web.webhook import Webhook

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(
    runtime: Runtime, *, webhooks: Sequence[Webhook] = (), token: str | None = None
) -> Starlette:
    """Return an ASGI application around *runtime*, which must outlive it.

    Args:
        runtime: where executions are started, or put into the queue.
        webhooks: what other services may start, each at its path.
        token: what programs of your own send as ``Authorization: Bearer ...`` to
            start, look at, signal and answer executions; None leaves that out.

    Raises:
        DefinitionError: two webhooks have one path, or the token is empty.
    """
    counted = Counter(each.path for each in webhooks)
    problems = [
        f"two webhooks have the path {p!r}" for p, n in counted.items() if n > 1
    ]
    if token is not None and not token:
        problems.append("a token may not be empty; token=None leaves its routes out")
    if problems:
        raise DefinitionError("web application", problems)
    routes: list[BaseRoute] = [Route("/health", _health(runtime), methods=["GET"])]
    routes += [Route(w.path, _webhook(runtime, w), methods=["POST"]) for w in webhooks]
    if token is not None:
        routes += [
            Route(path, _guarded(endpoint(runtime), token), methods=[method])
            for method, path, endpoint in executions.ROUTES
        ]
    return Starlette(routes=routes)


def _health(runtime: Runtime) -> Endpoint:
    async def health(request: Request) -> Response:
        del request
        runtime.check()
        return JSONResponse({"status": "ok"})

    return answered(health)


def _webhook(runtime: Runtime, webhook: Webhook) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await receive(runtime, webhook, request)

    return answered(endpoint)


def _guarded(endpoint: Endpoint, token: str) -> Endpoint:
    async def guarded(request: Request) -> Response:
        if not is_token(request.headers.get("authorization", ""), token):
            headers = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"error": "no valid token"}, 401, headers)
        return await endpoint(request)

    return answered(guarded)
