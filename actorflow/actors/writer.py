"""The log writer: the one actor through which everything becomes durable.

What is handed in is written in the order it was handed in, as many writes to a
transaction as have gathered. The writer has low priority, so they gather by themselves:
a commit happens when nobody has anything else to do, or when enough is waiting.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, ClassVar

from actorflow.actors.dispatcher import ThreadDispatcher
from actorflow.actors.future import PooledFuture
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef, Turn
from actorflow.actors.system import ActorSystem
from actorflow.actors.timers import Timer
from actorflow.errors import LogUnavailableError
from actorflow.log.port import EventLog, Stream, Write

logger = logging.getLogger(__name__)

Effect = tuple[Any, ...]
"""A callable and its arguments; usually a ref's `tell` and a message."""
OnLost = Callable[[Stream | None, Exception], object]

URGENT = 2_000
"""Events that may wait before the writer no longer lets others go first."""

_AT_ONCE = 10_000
_FIRST_DELAY, _LONGEST_DELAY = 0.01, 1.0


class WriterThread(Enum):
    """Where the writer works."""

    SHARED = "shared"
    """On the system's dispatcher: fewest hand-offs, and deterministic."""

    OWN = "own"
    """On a thread of its own: better beside activities that burn Python."""


class _Item:
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


class LogWriter:
    """The handle to the writer; every method may be called from any thread.

    Args:
        system: whose clock, timers and (if `SHARED`) dispatcher are used.
        log: where to write; nobody else writes to it.
        thread: where the writer works.
        urgent_at: this many waiting events are written although others are busy.
        give_up_after: seconds for which a failing log is tried again.
        on_failure: called when the writer has given up; nothing is written any more.
    """

    def __init__(
        self,
        system: ActorSystem,
        log: EventLog,
        *,
        thread: WriterThread = WriterThread.SHARED,
        urgent_at: int = URGENT,
        give_up_after: float = 30.0,
        on_failure: Callable[[Exception], object] | None = None,
    ) -> None:
        self.failed: Exception | None = None
        self.watchers: dict[Stream, OnLost] = {}
        self.give_up_after = give_up_after
        self.on_failure = on_failure
        self.waiting_events = 0
        self._urgent_at = urgent_at
        self._handed_in = self._settled = 0
        self._lock = threading.Lock()
        self._home = system
        if thread is WriterThread.OWN:
            own = ThreadDispatcher(clock=system.clock, name=f"{system.name}-log")
            self._home = ActorSystem(own, name=f"{system.name}-log")
        self._system = system
        self._ref: PooledRef[_Writer] = self._home.spawn(
            _Writer, self, log, parent=self._home.services
        )

    @property
    def idle(self) -> bool:
        """Whether everything handed in so far is settled."""
        return self._settled == self._handed_in

    def append(
        self, write: Write, *effects: Effect, on_lost: OnLost | None = None
    ) -> None:
        """Write *write*; then run *effects*, in order.

        If the write is refused, *on_lost* is called instead, with the stream and the
        error; so it is for every later write to that stream.
        """
        self._hand_in(_Item(write.stream, write, effects, on_lost))
        self.waiting_events += len(write.events)
        if self.waiting_events >= self._urgent_at:
            self.waiting_events = 0
            self._home.dispatcher.hurry(self._ref)

    def then(
        self,
        *effects: Effect,
        stream: Stream | None = None,
        on_lost: OnLost | None = None,
    ) -> None:
        """Run *effects* when everything handed in so far is durable.

        That may be now, on the caller's thread. If *stream* is lost by then, *on_lost*
        is called instead.
        """
        item = _Item(stream, None, effects, on_lost)
        if self.idle:
            self.settle(item)
        else:
            self._hand_in(item)

    def call(
        self,
        function: Callable[[], Any],
        reply: Callable[[Any, Exception | None], object],
    ) -> None:
        """Call *function* between two commits, after what was handed in before.

        This is how to use those methods of a log that only one caller may use at a
        time. *reply* gets what it returned and None, or None and what it raised.
        """

        def call() -> None:
            try:
                result = function()
            except Exception as error:  # noqa: BLE001 - handed on
                reply(None, error)
            else:
                reply(result, None)

        self._hand_in(_Item(None, None, (), None, call))

    def watch(self, stream: Stream, on_lost: OnLost) -> None:
        """Call *on_lost*, once, when a write to *stream* is refused."""
        self.watchers[stream] = on_lost

    def unwatch(self, stream: Stream) -> None:
        """Forget about `watch`."""
        self.watchers.pop(stream, None)

    def flush(self, timeout: float | None = None) -> None:
        """Return when everything handed in so far is settled.

        Raises:
            LogUnavailableError: the writer has given up.
            TimeoutError: it took longer than *timeout* seconds.
        """
        future: PooledFuture[None] = PooledFuture()
        self.then((future.set,), on_lost=lambda _, error: future.set_exception(error))
        self._home.dispatcher.hurry(self._ref)
        self._system.wait(future, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Write what is left, and stop."""
        self._system.wait(self._ref.stop(block=False), timeout)
        if self._home is not self._system:
            self._home.stop(timeout)

    def _hand_in(self, item: _Item) -> None:
        with self._lock:
            self._handed_in += 1
            self._ref.put(item)

    # -- for the actor --

    def settle(self, item: _Item) -> None:
        """Run what depends on *item*."""
        if item.call is not None:
            _run((item.call,))
        elif self.failed is not None:
            self._lose(item, self.failed)
        elif item.write is not None and item.write.error is not None:
            self._lose(item, item.write.error)
        elif item.write is None and item.stream is not None and item.stream.lost:
            self._lose(item, item.stream.lost)
        else:
            for effect in item.effects:
                _run(effect)

    def settled(self, count: int) -> None:
        """Count *count* items as settled."""
        self._settled += count

    def _lose(self, item: _Item, error: Exception) -> None:
        if item.on_lost is not None:
            _run((item.on_lost, item.stream, error))
        if item.stream is not None:
            watcher = self.watchers.pop(item.stream, None)
            if watcher is not None:
                _run((watcher, item.stream, error))


class _Writer(PooledActor):
    """Gathers what is handed in, and commits it when its inbox is empty."""

    low_priority: ClassVar[bool] = True

    def __init__(self, handle: LogWriter, log: EventLog) -> None:
        super().__init__()
        self._handle = handle
        self._log = log
        self._gathered: list[_Item] = []
        self._calls = 0
        self._one_by_one = False
        self._failing_since: float | None = None
        self._delay = _FIRST_DELAY
        self._retry: Timer | None = None

    def _take_turn(self, ref: PooledRef[Any], throughput: int) -> Turn:
        return super()._take_turn(ref, max(throughput, _AT_ONCE))

    def on_receive(self, message: Any) -> None:
        """Gather one more; commit when there are no more."""
        if type(message) is _Item:
            self._gathered.append(message)
            self._calls += message.call is not None
        elif type(message) is _Retry:
            self._retry = None
        if self._retry is None and self._actor_ref.empty():
            self._commit()

    def on_stop(self) -> None:
        """Write what is left, as well as it goes."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._commit()
        if self._gathered:
            self._give_up(LogUnavailableError("closed while failing"))

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

    def _portion(self) -> list[_Item]:
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
        if now - self._failing_since >= self._handle.give_up_after:
            self._give_up(error)
            return
        logger.warning("The log is unavailable, trying again: %s", error)
        self._retry = self.system.timers.after(
            self._delay, self._actor_ref.put, _Retry()
        )
        self._delay = min(self._delay * 2, _LONGEST_DELAY)

    def _give_up(self, error: Exception) -> None:
        logger.error("Giving up on the log: %s", error)
        self._handle.failed = error
        self._commit()
        if self._handle.on_failure is not None:
            _run((self._handle.on_failure, error))


def _run(effect: Effect) -> None:
    """Run an effect; its failure is reported, and concerns nobody else."""
    try:
        effect[0](*effect[1:])
    except Exception:
        logger.exception("An effect failed: %r", effect[0])
