"""The actor behind `LogWriter`: it gathers, commits, tries again, and gives up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef, Turn
from actorflow.actors.timers import Timer
from actorflow.errors import LogDamagedError, LogUnavailableError
from actorflow.log.port import EventLog, Stream, Write

logger = logging.getLogger(__name__)

Effect = tuple[Any, ...]
"""A callable and its arguments; usually a ref's `tell` and a message."""
OnLost = Callable[[Stream | None, Exception], object]
"""Called with the stream and the reason when a write is refused."""

_AT_ONCE = 10_000
_FIRST_DELAY, _LONGEST_DELAY = 0.01, 1.0


def run(effect: Effect) -> None:
    """Run an effect; its failure is reported, and concerns nobody else."""
    try:
        effect[0](*effect[1:])
    except Exception:
        logger.exception("An effect failed: %r", effect[0])


class Item:
    """One thing handed in: a write, or a call, or neither; and what depends on it."""

    __slots__ = ("call", "effects", "on_lost", "stream", "write")

    def __init__(
        self,
        stream: Stream | None,
        write: Write | None,
        effects: Sequence[Effect],
        on_lost: OnLost | None,
        call: Callable[[], object] | None = None,
    ) -> None:
        self.stream = stream
        self.write = write
        self.effects = effects
        self.on_lost = on_lost
        self.call = call


class _Retry:
    """The time has come to try again."""


class GiveUp:
    """Write nothing any more, because of *error*."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Handle(Protocol):
    """What the actor needs of its handle."""

    failed: Exception | None
    waiting_events: int

    @property
    def give_up_after(self) -> float:
        """For how many seconds to try again."""
        ...

    @property
    def on_failure(self) -> Callable[[Exception], object] | None:
        """Whom to tell of having given up."""
        ...

    def close_intake(self) -> None:
        """Take nothing more."""
        ...

    def settle(self, item: Item) -> None:
        """Run what depends on *item*."""
        ...

    def settled(self, count: int) -> None:
        """Count *count* items as settled."""
        ...


class WriterActor(PooledActor):
    """Gathers what is handed in, and commits it when its inbox is empty."""

    low_priority: ClassVar[bool] = True

    def __init__(self, handle: Handle, log: EventLog) -> None:
        super().__init__()
        self._handle = handle
        self._log = log
        self._gathered: list[Item] = []
        self._calls = 0
        self._one_by_one = False
        self._failing_since: float | None = None
        self._delay = _FIRST_DELAY
        self._retry: Timer | None = None

    def _take_turn(self, ref: PooledRef[Any], throughput: int) -> Turn:
        return super()._take_turn(ref, max(throughput, _AT_ONCE))

    def on_receive(self, message: Any) -> None:
        """Gather one more; commit when there are no more."""
        if type(message) is Item:
            self._gathered.append(message)
            self._calls += message.call is not None
        elif type(message) is _Retry:
            self._retry = None
        elif type(message) is GiveUp:
            self._give_up(message.error)
        if self._retry is None and self._actor_ref.empty():
            self._commit()

    def on_stop(self) -> None:
        """Write what is left, as well as it goes."""
        self._handle.close_intake()
        self._gather_the_rest()
        self._cancel_retry()
        self._commit()
        if self._gathered:
            self._give_up(LogUnavailableError("closed while failing"))

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _gather_the_rest(self) -> None:
        """Take what was handed in behind the request to stop."""
        ref = self._actor_ref
        others = []
        while not ref.empty():
            message = ref.get()
            if type(message) is Item:
                self._gathered.append(message)
                self._calls += message.call is not None
            else:
                others.append(message)
        for message in others:
            ref.put(message)

    def _commit(self) -> None:
        """Make what has gathered durable, and then let its effects happen."""
        handle = self._handle
        handle.waiting_events = 0
        while self._gathered and self._retry is None:
            items = self._portion()
            writes = [item.write for item in items if item.write is not None]
            if writes and handle.failed is None and not self._written(writes):
                continue
            del self._gathered[: len(items)]
            for item in items:
                self._calls -= item.call is not None
                handle.settle(item)
                handle.settled(1)
        if not self._gathered:
            self._one_by_one = False

    def _portion(self) -> list[Item]:
        """Return what may go into one transaction: all, or all before a call."""
        if self._one_by_one:
            return self._gathered[:1]
        if not self._calls:
            return self._gathered[:]
        for index, item in enumerate(self._gathered):
            if item.call is not None:
                return self._gathered[: max(index, 1)]
        raise AssertionError

    def _written(self, writes: list[Write]) -> bool:
        try:
            self._log.write(writes)
        except LogUnavailableError as error:
            self._postpone(error)
            return False
        except Exception as error:
            if len(writes) > 1:  # one of them is the culprit: find out which
                self._one_by_one = True
                return False
            logger.exception("Cannot write to %s", writes[0].stream.name)
            writes[0].error = writes[0].stream.lost = error
        except BaseException:  # the process is as good as dead: write nothing more
            self._gathered.clear()
            raise
        self._failing_since, self._delay = None, _FIRST_DELAY
        return True

    def _postpone(self, error: LogUnavailableError) -> None:
        now = self.system.clock.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        waited = now - self._failing_since
        if isinstance(error, LogDamagedError) or waited >= self._handle.give_up_after:
            self._give_up(error)
            return
        logger.warning("The log is unavailable, trying again: %s", error)
        self._retry = self.system.timers.after(
            self._delay, self._actor_ref.put, _Retry()
        )
        self._delay = min(self._delay * 2, _LONGEST_DELAY)

    def _give_up(self, error: Exception) -> None:
        if self._handle.failed is not None:
            return
        logger.error("Giving up on the log: %s", error)
        self._handle.failed = error
        self._cancel_retry()
        self._commit()
        if self._handle.on_failure is not None:
            run((self._handle.on_failure, error))
