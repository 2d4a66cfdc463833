"""Telling another service how an execution ended, until it has been heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from actorflow.activities.web import httpx_module
from actorflow.errors import ActivityError, DefinitionError
from actorflow.log.codec import Codec
from actorflow.model.activities import Activity, activity
from actorflow.model.events import Failure
from actorflow.model.policy import Retry
from actorflow.runtime.context import ActivityContext
from actorflow.runtime.signing import signature_of

PATIENT = Retry(
    max_attempts=12,
    initial=1.0,
    factor=3.0,
    max_delay=3600.0,
    jitter=0.2,
    on=("timeout", ConnectionError, "webhook_unheard"),
)
"""Twelve tries in some six hours."""
AGAIN = (408, 425, 429)
"""Statuses below 500 that ask for another try."""


def webhook(
    url: str,
    *,
    secret: str | None,
    name: str = "webhook",
    retry: Retry = PATIENT,
    timeout: float = 30.0,
    headers: Mapping[str, str] | None = None,
    signature_header: str = "X-Webhook-Signature",
    transport: Callable[[], Any] | None = None,
) -> Activity[..., Any]:
    """Return an activity that posts how an execution ended, for `on_complete`.

    The body is a JSON object with ``id``, ``status``, ``output`` and ``error``, the
    same for every try, and so is the ``Idempotency-Key``. The raw body is signed with
    HMAC-SHA256. Where to and with what secret is part of the activity, and never of
    the log. Any 2xx is success; what can be mended by waiting is tried again.

    Args:
        url: where to.
        secret: signs the body; None sends it unsigned.
        name: of the activity, where there are several.
        retry: how often, and when; by default for some six hours.
        timeout: seconds to connect, and between two parts of the answer.
        headers: sent as well; for a token, say.
        signature_header: where the signature goes, as ``sha256=<hex>``.
        transport: makes an httpx transport; for tests and proxies.

    Raises:
        DefinitionError: the address, or the secret, is none.
    """
    problems = list(_problems(url, secret))
    if problems:
        raise DefinitionError(name, problems)
    given = {**(headers or {}), "Content-Type": "application/json"}

    async def deliver(
        ctx: ActivityContext,
        execution_id: str,
        status: str,
        output: Any = None,
        error: Any = None,
    ) -> int:
        body = _body(execution_id, status, output, error)
        sent = {**given, "Idempotency-Key": ctx.idempotency_key}
        if secret is not None:
            sent[signature_header] = signature_of(body, secret)
        client = httpx_module().AsyncClient(
            timeout=timeout, transport=transport() if transport else None
        )
        async with client:
            return await _posted(client, url, body, sent)

    return activity(name=name, retry=retry)(deliver)


def _problems(url: str, secret: str | None) -> Iterator[str]:
    if not url.startswith(("https://", "http://")):
        yield f"{url!r} is no address: it begins with https:// or http://"
    if secret is not None and not secret:
        yield "a secret may not be empty; secret=None sends without a signature"


def _body(execution_id: str, status: str, output: Any, error: Any) -> bytes:
    to_data = Codec().to_data
    document = {
        "id": execution_id,
        "status": status,
        "output": to_data(output, path="output"),
        "error": None,
    }
    if isinstance(error, Failure):
        document["error"] = {"type": error.type, "message": error.message}
    return orjson.dumps(document)


async def _posted(client: Any, url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post; return the status, if it is a good one."""
    httpx = httpx_module()
    try:
        response = await client.post(url, content=body, headers=headers)
    except httpx.TimeoutException as error:
        raise TimeoutError("the receiver does not answer") from error
    except httpx.TransportError as error:
        raise ConnectionError(f"the receiver cannot be reached: {error}") from error
    status = int(response.status_code)
    if response.is_success:
        return status
    later = status >= 500 or status in AGAIN  # noqa: PLR2004 - the server's own trouble
    raise ActivityError(
        f"the receiver answers {status} {response.reason_phrase}",
        type="webhook_unheard" if later else "webhook_refused",
        details={"status": status},
    )
