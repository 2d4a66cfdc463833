"""How a running activity reaches its actor, from a thread or from asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

from pykka import ActorRef

from actorflow.actors.future import PooledFuture
from actorflow.model.definition import Activity
from actorflow.model.events import ProgressReported, ValueEmitted
from actorflow.runtime.messages import Reported, Requested


class ActorBridge:
    """Carries the requests of one attempt to the actor of its activation."""

    def __init__(
        self, ref: ActorRef[Any], attempt: int, activity: Activity[..., Any]
    ) -> None:
        self._ref = ref
        self._attempt = attempt
        self._activity = activity

    def call(self, request: Any) -> Any:
        """Send *request*; block until what it caused is durable; return the reply."""
        future: PooledFuture[Any] = PooledFuture()
        self._ref.tell(Requested(self._attempt, request, _replying(future)))
        return future.get()

    async def acall(self, request: Any) -> Any:
        """Do the same from asyncio."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def reply(value: Any, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(_settle, future, value, error)

        self._ref.tell(Requested(self._attempt, request, reply))
        return await future

    def report(self, what: str, *details: Any) -> None:
        """Tell something nobody waits for."""
        event = ProgressReported(*details) if what == "progress" else ValueEmitted(*details)
        self._ref.tell(Reported(event))


def _replying(future: PooledFuture[Any]) -> Any:
    def reply(value: Any, error: BaseException | None) -> None:
        if error is None:
            future.set(value)
        else:
            future.set_exception(error)

    return reply


def _settle(
    future: asyncio.Future[Any], value: Any, error: BaseException | None
) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
