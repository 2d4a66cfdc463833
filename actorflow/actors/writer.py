"""The log writer: the one actor through which everything becomes durable.

What is handed in is written in the order it was handed in, as many writes to a
transaction as have gathered. The writer has low priority, so they gather by themselves:
a commit happens when nobody has anything else to do, or when enough is waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from typing import Any

from actorflow.actors.committer import Effect, GiveUp, Item, OnLost, WriterActor, run
from actorflow.actors.dispatcher import ThreadDispatcher
from actorflow.actors.future import PooledFuture
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.actors.system import ActorSystem
from actorflow.errors import LogUnavailableError
from actorflow.log.port import EventLog, Stream, Write

URGENT = 2_000
"""Events that may wait before the writer no longer lets others go first."""


class WriterThread(Enum):
    """Where the writer works."""

    SHARED = "shared"
    """On the system's dispatcher: fewest hand-offs, and deterministic."""

    OWN = "own"
    """On a thread of its own: better beside activities that burn Python."""


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
        self._closed = False
        self._lock = threading.Lock()
        self._home = system
        if thread is WriterThread.OWN:
            self._home = _own_system(system)
        self._system = system
        self._ref: PooledRef[WriterActor] = self._home.spawn(
            WriterActor, self, log, parent=self._home.services
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
        self._hand_in(Item(write.stream, write, effects, on_lost))
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
        item = Item(stream, None, effects, on_lost)
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

        self._hand_in(Item(None, None, (), None, call))

    def watch(self, stream: Stream, on_lost: OnLost) -> None:
        """Call *on_lost*, once, when a write to *stream* is refused."""
        self.watchers[stream] = on_lost

    def unwatch(self, stream: Stream) -> None:
        """Forget about `watch`."""
        self.watchers.pop(stream, None)

    def give_up(self, error: Exception) -> None:
        """Write nothing any more: the log has failed for good."""
        self._ref.put(GiveUp(error))

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

    def _hand_in(self, item: Item) -> None:
        with self._lock:
            if not self._closed:
                self._handed_in += 1
                self._ref.put(item)
                return
        self.failed = self.failed or LogUnavailableError("the log writer has stopped")
        self.settle(item)

    # -- for the actor --

    def close_intake(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._closed = True

    def settle(self, item: Item) -> None:
        """Run what depends on *item*."""
        if item.call is not None:
            run((item.call,))
        elif self.failed is not None:
            self._lose(item, self.failed)
        elif item.write is not None and item.write.error is not None:
            self._lose(item, item.write.error)
        elif item.write is None and item.stream is not None and item.stream.lost:
            self._lose(item, item.stream.lost)
        else:
            for effect in item.effects:
                run(effect)

    def settled(self, count: int) -> None:
        """Count *count* items as settled."""
        self._settled += count

    def _lose(self, item: Item, error: Exception) -> None:
        if item.on_lost is not None:
            run((item.on_lost, item.stream, error))
        if item.stream is not None:
            watcher = self.watchers.pop(item.stream, None)
            if watcher is not None:
                run((watcher, item.stream, error))


def _own_system(system: ActorSystem) -> ActorSystem:
    """Return a system on one thread for the writer, which ends with *system*."""
    if system.waiter is not None:
        raise ValueError("a manual dispatcher has no use for a thread beside it")
    name = f"{system.name}-log"
    own = ActorSystem(ThreadDispatcher(clock=system.clock, name=name), name=name)
    system.spawn(_Ender, own, parent=system.services)
    return own


class _Ender(PooledActor):
    """Stops another system when its own is stopped."""

    def __init__(self, other: ActorSystem) -> None:
        super().__init__()
        self._other = other

    def on_stop(self) -> None:
        """Wait for the other system to stop."""
        with self.blocking():
            self._other.stop()
