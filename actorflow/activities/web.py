"""Requests over HTTP, with httpx: ``pip install actorflow[http]``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from json import loads
from typing import TYPE_CHECKING, Any

from actorflow.errors import ActivityError
from actorflow.model.activities import activity
from actorflow.runtime.context import ActivityContext

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 10 * 1024 * 1024
REPEATABLE = ("GET", "HEAD", "OPTIONS", "TRACE")


@activity
async def http(
    ctx: ActivityContext,
    url: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    content: str | bytes | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - handed to httpx, which has four of them
    follow_redirects: bool = False,
    raise_for_status: bool = False,
    idempotency_header: str | None = "Idempotency-Key",
    max_bytes: int = MAX_BYTES,
) -> dict[str, Any]:
    """Send a request; return its ``status``, ``ok``, ``headers``, ``text``, ``json``.

    A request that may change something carries the activation's idempotency key, the
    same for every try, so that a server that knows the header does it once. What is
    not text comes as ``content``, in bytes.

    Args:
        ctx: filled in.
        url: where to.
        method: how.
        headers: sent as they are.
        params: of the query.
        json: sent as the body.
        content: or this.
        follow_redirects: whether to go where the server says.
        timeout: seconds to connect, and between two parts of the answer.
        raise_for_status: fail with the type ``http_status``, and the answer as details,
            if the status is 400 or more.
        idempotency_header: what the key is called; None sends none.
        max_bytes: a longer answer is a failure.

    Raises:
        TimeoutError: the server took too long.
        ConnectionError: it cannot be reached, or hung up.
        ActivityError: the request makes no sense, or as said above.
    """
    httpx = httpx_module()
    sent = dict(headers or {})
    if idempotency_header and method.upper() not in REPEATABLE:
        sent.setdefault(idempotency_header, ctx.idempotency_key)
    try:
        async with (
            httpx.AsyncClient(
                timeout=timeout, follow_redirects=follow_redirects
            ) as client,
            client.stream(
                method, url, headers=sent, params=params, json=json, content=content
            ) as response,
        ):
            body = await _body(response, max_bytes)
    except httpx.TimeoutException as error:
        raise TimeoutError(f"{method} {url}: no answer within {timeout:g} s") from error
    except httpx.TransportError as error:
        raise ConnectionError(f"{method} {url}: {error}") from error
    except (httpx.InvalidURL, httpx.HTTPError, TypeError, ValueError) as error:
        problem = f"{method} {url}: {error}"
        raise ActivityError(problem, type="invalid_input") from error
    answer = _answer(response, body)
    if raise_for_status and not answer["ok"]:
        problem = f"{method} {url}: {response.status_code} {response.reason_phrase}"
        raise ActivityError(problem, type="http_status", details=answer)
    return answer


async def _body(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > limit:
            problem = f"{response.url}: the answer is longer than {limit:,} bytes"
            raise ActivityError(problem, type="too_large")
    return bytes(body)


def _answer(response: httpx.Response, body: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "status": response.status_code,
        "ok": response.is_success,
        "headers": dict(response.headers),
        "text": None,
        "json": None,
    }
    try:
        answer["text"] = body.decode(response.charset_encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        answer["content"] = body
    if "json" in response.headers.get("content-type", "") and answer["text"]:
        # If it is none, the text is there, whatever the server calls it.
        with suppress(ValueError, RecursionError):
            answer["json"] = loads(answer["text"])
    return answer


def httpx_module() -> Any:
    """Return httpx.

    Raises:
        ActivityError: it is not installed.
    """
    try:
        import httpx
    except ImportError as error:
        missing = "httpx is not installed: pip install 'actorflow[http]'"
        raise ActivityError(missing, type="fatal") from error
    return httpx
