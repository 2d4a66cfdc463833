"""Routes for programs of one's own: start, look at, signal and answer executions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from actorflow.model.state import ENDED
from actorflow.runtime.runtime import Runtime
from actorflow.web.answering import RequestError, json_of

Endpoint = Callable[[Request], Awaitable[Response]]
_MEMBERS = {
    "workflow": str,
    "inputs": dict,
    "id": str,
    "attributes": dict,
    "queue": bool,
    "priority": int,
    "tags": list,
}


def start(runtime: Runtime) -> Endpoint:
    """Start an execution, or put it into the queue."""

    async def endpoint(request: Request) -> Response:
        wanted = _members(await json_of(request))
        row = await run_in_threadpool(_start, runtime, wanted)
        return JSONResponse(_document(runtime, row), 202)

    return endpoint


def _start(runtime: Runtime, wanted: dict[str, Any]) -> Any:
    given: dict[str, Any] = {
        "execution_id": wanted.get("id"),
        "attributes": wanted.get("attributes"),
    }
    if wanted.get("queue"):
        given |= {each: wanted[each] for each in ("priority", "tags") if each in wanted}
        run = runtime.submit(wanted["workflow"], **given, **wanted.get("inputs", {}))
    else:
        run = runtime.start(wanted["workflow"], **given, **wanted.get("inputs", {}))
    return runtime.row(run.id)


def _members(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or "workflow" not in document:
        raise RequestError(400, 'the body must be an object with a "workflow"')
    for name, value in document.items():
        if name not in _MEMBERS:
            raise RequestError(400, f"unknown member {name!r}")
        if type(value) is not _MEMBERS[name]:
            raise RequestError(400, f"member {name!r} has the wrong type")
    taken = {"execution_id", "attributes", "on_conflict", "priority", "tags"}
    for name in taken & set(document.get("inputs", ())):
        raise RequestError(400, f"an input named {name!r} cannot be given here")
    return document


def show(runtime: Runtime) -> Endpoint:
    """Return how far an execution has come."""

    async def endpoint(request: Request) -> Response:
        execution_id = request.path_params["id"]
        row = await run_in_threadpool(runtime.row, execution_id)
        return JSONResponse(await run_in_threadpool(_document, runtime, row))

    return endpoint


def signal(runtime: Runtime) -> Endpoint:
    """Send a signal; the body is its payload, the idempotency key its key."""

    async def endpoint(request: Request) -> Response:
        payload = await json_of(request)
        execution_id, topic = request.path_params["id"], request.path_params["topic"]
        key = request.headers.get("idempotency-key")
        await run_in_threadpool(runtime.signal, execution_id, topic, payload, key=key)
        return Response(status_code=204)

    return endpoint


def answer(runtime: Runtime) -> Endpoint:
    """Answer a question: ``{"value": ..., "by": ...}``."""

    async def endpoint(request: Request) -> Response:
        given = await json_of(request)
        if not isinstance(given, dict) or "value" not in given:
            raise RequestError(400, 'the body must be an object with a "value"')
        execution_id = request.path_params["id"]
        question, by = request.path_params["question"], given.get("by")
        await run_in_threadpool(
            runtime.answer, execution_id, question, given["value"], by=by
        )
        return Response(status_code=204)

    return endpoint


def _document(runtime: Runtime, row: Any) -> dict[str, Any]:
    document = {"id": row.name, "workflow": row.type, "status": row.status}
    if row.status in ENDED:
        result = runtime.result_of(row)
        error = result.error
        document["output"] = runtime.codec.to_data(result.output, path="output")
        document["error"] = error and {"type": error.type, "message": error.message}
    else:
        document["waits"] = list(row.waits)
    return document


ROUTES: tuple[tuple[str, str, Callable[[Runtime], Endpoint]], ...] = (
    ("POST", "/executions", start),
    ("GET", "/executions/{id:path}", show),
    ("POST", "/executions/{id:path}/signals/{topic}", signal),
    ("POST", "/executions/{id:path}/answers/{question}", answer),
)
