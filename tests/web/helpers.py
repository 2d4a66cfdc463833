"""Requests to an application, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.applications import Starlette


def request(app: Starlette, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request and return the response."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test"
        ) as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())
