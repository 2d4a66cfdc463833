"""Retries and timeouts of a dynamic node that another one calls.

Every try is a call of its own, and the pauses between them are timers of the caller, so
that all of it is in the log and replays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from actorflow.errors import NodeFailed
from actorflow.model.activities import Dynamic
from actorflow.model.events import Failure
from actorflow.model.policy import next_try


async def patiently(
    node: Dynamic[..., Any],
    first: Callable[[], Awaitable[Any]],
    plan: Callable[[], Callable[[], Awaitable[Any]]],
    chance: Random,
) -> Any:
    """Return what *first* gives; after failures that may be retried, what is planned.

    Raises:
        NodeFailed: the last try failed, or took too long.
    """
    attempt, call = 1, first
    while True:
        try:
            return await _in_time(node, call())
        except NodeFailed as error:
            delay = next_try(node.retry, attempt, error.cause, chance.random())
            if delay is None:
                raise
        await asyncio.sleep(delay)  # noqa: TID251 - on a node's loop it is a timer
        attempt, call = attempt + 1, plan()


async def _in_time(node: Dynamic[..., Any], call: Awaitable[Any]) -> Any:
    if node.timeout is None:
        return await call
    try:
        async with asyncio.timeout(node.timeout):
            return await call
    except TimeoutError:
        message = f"no result within {node.timeout:g} s"
        failure = Failure("timeout", message, node=node.name)
        raise NodeFailed(node.name, node.name, failure) from None
