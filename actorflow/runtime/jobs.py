"""One attempt of an activity, and the messages by which it tells how it went."""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

from actorflow.model.events import Data
from actorflow.runtime.binding import BoundActivity, Call
from actorflow.runtime.context import ActivityContext, Parked

logger = logging.getLogger(__name__)


class Began:
    """The job has begun to run."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job = job


class Returned:
    """The job's activity returned *data*."""

    __slots__ = ("data", "job")

    def __init__(self, job: Job, data: Data) -> None:
        self.job = job
        self.data = data


class Raised:
    """The job's activity raised *error*."""

    __slots__ = ("error", "job")

    def __init__(self, job: Job, error: BaseException) -> None:
        self.job = job
        self.error = error


class Left:
    """The job has left its activity, which waits for a signal."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job = job


class Job:
    """One attempt of an activity, from its input to the message that ends it."""

    __slots__ = (
        "abandoned",
        "address",
        "attempt",
        "bound",
        "call",
        "context",
        "tell",
        "wanted",
        "wants_began",
    )

    def __init__(
        self,
        address: str,
        bound: BoundActivity,
        call: Call,
        tell: Callable[[Any], Any],
        *,
        attempt: int = 1,
        context: ActivityContext | None = None,
        wants_began: bool = False,
        wanted: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.wanted = wanted
        self.address = address
        self.bound = bound
        self.call = call
        self.attempt = attempt
        self.tell = tell
        self.context = context
        self.wants_began = wants_began
        self.abandoned = False

    def run(self) -> None:
        """Run a ``def`` activity here and now, and tell how it ended."""
        self.end(self.outcome())

    def outcome(self) -> Any:
        """Run a ``def`` activity here and now; return how it ended, for `end`."""
        if self.abandoned or not self.wanted(self.address):  # while it was queued
            return None
        if self.wants_began:
            self.tell(Began(self))
        try:
            args, kwargs = self.bound.arguments(self.call, self.context)
            value = self.bound.activity.fn(*args, **kwargs)
            return Returned(self, self.bound.result(value))
        except BaseException as error:  # noqa: BLE001 - an activity may raise anything
            return self.ended_by(error)

    async def run_async(self) -> None:
        """Run an ``async def`` activity, and tell how it ended."""
        if self.abandoned or not self.wanted(self.address):
            return
        if self.wants_began:
            self.tell(Began(self))
        try:
            args, kwargs = self.bound.arguments(self.call, self.context)
            value = await self.bound.activity.fn(*args, **kwargs)
            ended: Any = Returned(self, self.bound.result(value))
        except BaseException as error:  # noqa: BLE001
            ended = self.ended_by(error)
        self.end(ended)

    def end(
        self, ended: Any, tell: Callable[[Callable[[Any], Any], Any], Any] | None = None
    ) -> None:
        """Tell how it ended, if anybody still wants to know, or let *tell* do it."""
        if ended is None:
            return
        if self.abandoned:
            if _was_cancelled(ended):
                return
            what = "result" if isinstance(ended, Returned) else "failure"
            logger.warning(
                "late %s of %s at %s, attempt %d: discarded",
                what,
                self.bound.activity.name,
                self.address,
                self.attempt,
            )
        elif tell is not None:
            tell(self.tell, ended)
        else:
            self.tell(ended)

    def ended_by(self, error: BaseException) -> Left | Raised:
        """Return the message for an exception that came out of the activity."""
        if isinstance(error, Parked):
            return Left(self)
        return Raised(self, error)


def _was_cancelled(ended: Any) -> bool:
    """Tell whether a coroutine has ended as it was asked to."""
    return isinstance(ended, Raised) and isinstance(ended.error, CancelledError)
