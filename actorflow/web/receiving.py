"""What becomes of a request to a webhook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from actorflow.errors import ActorflowError
from actorflow.model.activities import node_name
from actorflow.runtime.runtime import Runtime
from actorflow.runtime.signing import is_signed
from actorflow.web.answering import RequestError, body_of
from actorflow.web.webhook import Webhook, WebhookRequest

T = TypeVar("T")
LONGEST_KEY = 200


async def receive(runtime: Runtime, webhook: Webhook, request: Request) -> Response:
    """Start or signal an execution; answer when that cannot be lost any more."""
    verified = await _verified(webhook, request)
    document, known = await run_in_threadpool(_act, runtime, webhook, verified)
    return JSONResponse(document, 200 if known else 202)


async def _verified(webhook: Webhook, request: Request) -> WebhookRequest:
    body = await body_of(request, webhook.max_bytes)
    if webhook.secret is not None:
        given = request.headers.get(webhook.signature_header, "")
        prefix = webhook.signature_prefix
        if not is_signed(body, given, webhook.secret, prefix=prefix):
            raise RequestError(401, "the signature is missing or wrong")
    key = request.headers.get(webhook.key_header) or None
    if key is not None and len(key) > LONGEST_KEY:
        raise RequestError(400, f"{webhook.key_header} is longer than {LONGEST_KEY}")
    return WebhookRequest(
        webhook.path, dict(request.headers), dict(request.query_params), body, key
    )


def _act(
    runtime: Runtime, webhook: Webhook, request: WebhookRequest
) -> tuple[dict[str, Any], bool]:
    """Return what to answer, and whether the execution was there already."""
    execution_id = _id(webhook, request)
    known = execution_id is not None and _is_there(runtime, webhook, execution_id)
    if webhook.workflow is not None and not known:
        inputs = _made("inputs", webhook.inputs, request)
        begin = runtime.submit if webhook.queue else runtime.start
        run = begin(webhook.workflow, execution_id=execution_id, **inputs)
        execution_id = run.id
    assert execution_id is not None
    if webhook.topic is not None:
        payload = _made("payload", webhook.payload, request)
        runtime.signal(execution_id, webhook.topic, payload, key=request.key)
    row = runtime.row(execution_id)
    return {"id": row.name, "workflow": row.type, "status": row.status}, known


def _id(webhook: Webhook, request: WebhookRequest) -> str | None:
    if webhook.execution_id is not None:
        return str(_made("execution_id", webhook.execution_id, request))
    if request.key is None:
        return None
    return f"{_name(webhook)}-{request.key}"


def _name(webhook: Webhook) -> str:
    workflow = webhook.workflow
    return workflow if isinstance(workflow, str) else node_name(workflow)


def _is_there(runtime: Runtime, webhook: Webhook, execution_id: str) -> bool:
    row = runtime.log.find("execution", execution_id)
    if row is not None and webhook.workflow is not None and row.type != _name(webhook):
        raise RequestError(409, f"{execution_id!r} is an execution of {row.type!r}")
    return row is not None


def _made(what: str, make: Callable[[WebhookRequest], T], request: WebhookRequest) -> T:
    """Call a user's function; what it misses in the request is the sender's mistake."""
    try:
        return make(request)
    except ActorflowError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        text = f"no {what} can be made of this request: {error!r}"
        raise RequestError(400, text) from error
