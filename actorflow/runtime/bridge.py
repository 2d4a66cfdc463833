"""How a running activity reaches its actor, from a thread or from asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from actorflow.actors.future import PooledFuture, current
from actorflow.actors.ref import PooledRef
from actorflow.model.events import HeartbeatReceived, ProgressReported, ValueEmitted
from actorflow.runtime.jobs import Job
from actorflow.runtime.messages import Reported, Requested

_EVENTS: dict[str, Callable[..., Any]] = {
    "progress": ProgressReported,
    "heartbeat": HeartbeatReceived,
    "emit": ValueEmitted,
}
Reply = Callable[[Any, BaseException | None], None]


class ActorBridge:
    """Carries the requests of one job to the actor of its activation."""

    def __init__(self, ref: PooledRef[Any], job: Job) -> None:
        self._ref = ref
        self._job = job

    def call(self, request: Any) -> Any:
        """Send *request*; block until what it caused is durable; return the reply."""
        future: PooledFuture[Any] = PooledFuture()
        self._send(request, _replying(future))
        return future.get()

    async def acall(self, request: Any) -> Any:
        """Do the same from asyncio."""
        if current.waiter is not None:  # who keeps the world turning is on this thread
            return self.call(request)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def reply(value: Any, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(_settle, future, value, error)

        self._send(request, reply)
        return await future

    def _send(self, request: Any, reply: Reply) -> None:
        self._ref.put(Requested(self._job, request, reply))

    def report(self, what: str, *details: Any) -> None:
        """Tell something nobody waits for."""
        self._ref.put(Reported(_EVENTS[what](*details), self._job))


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
