"""A dispatcher without threads: it runs when told to, in virtual time, from a seed."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from actorflow.actors.clock import MICRO, VirtualClock
from actorflow.actors.dispatcher import THROUGHPUT, IdleQueue, Runnable
from actorflow.actors.future import PooledFuture, current
from actorflow.actors.timers import Timers

_EARLY = 0.1
"""How often, with a seed, the idle are served although others are ready."""


class ManualDispatcher:
    """Runs everything on the thread of whoever calls `run_until_idle`.

    Args:
        clock: the virtual time of its timers; `clock.advance` runs this dispatcher.
        seed: shuffles who is next, reproducibly; without one, first come first served.

    Attributes:
        before_turn: called with whoever gets the next turn, if set.
    """

    def __init__(
        self, clock: VirtualClock | None = None, *, seed: int | str | None = None
    ) -> None:
        self.clock = clock or VirtualClock()
        self.clock.drive_by(self.advance)
        self.timers = Timers(self.clock)
        self._random = None if seed is None else Random(seed)
        self._ready: deque[Runnable] = deque()
        self._shuffled: list[Runnable] = []
        ready = self._ready if seed is None else self._shuffled
        self.wake: Callable[[Runnable], Any] = ready.append
        self._idle = IdleQueue()
        self._throughput = THROUGHPUT if seed is None else 1
        self._running = threading.RLock()
        self.stopped = False
        self.before_turn: Callable[[Runnable], object] | None = None

    def wake_when_idle(self, runnable: Runnable) -> None:
        """Give the runnable a turn when nobody else wants one."""
        self._idle.add(runnable)

    def hurry(self, runnable: Runnable) -> None:
        """Put *runnable*, if it waits for idleness, among the others."""
        if self._idle.discard(runnable):
            self.wake(runnable)

    def step(self) -> bool:
        """Give one turn; return whether anybody wanted one.

        A `BaseException` (a crash, in a simulation) ends this dispatcher and goes to
        the caller.
        """
        with self._running:
            runnable = None if self.stopped else self._next()
            if runnable is None:
                return False
            if self.before_turn is not None:
                self.before_turn(runnable)
            before, current.waiter = current.waiter, self
            try:
                runnable.turn(self._throughput)
            finally:
                current.waiter = before
            return True

    def run_until_idle(self) -> int:
        """Give turns until nobody wants one; return how many there were."""
        turns = 0
        while self.step():
            turns += 1
        return turns

    def next_timer(self) -> float | None:
        """Return the virtual seconds until the next timer, or None."""
        return self.timers.remaining()

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass: fire timers in due order, run until idle after each."""
        end = self.clock.monotonic() + seconds
        while True:
            self.run_until_idle()
            delay, left = self.next_timer(), end - self.clock.monotonic()
            if self.stopped or delay is None or _longer(delay, left):
                break
            self._jump(delay)
        self.clock.move(max(0.0, left))

    @contextmanager
    def blocking(self) -> Iterator[None]:
        """Do nothing special: there is no thread to make up for."""
        yield

    def wait_for(self, future: PooledFuture[Any], timeout: float | None) -> bool:
        """Run, and jump from timer to timer, until *future* is done.

        Return False when *timeout* virtual seconds are over, and when nothing is left
        that could ever complete the future.
        """
        if timeout == math.inf:
            timeout = None
        end = None if timeout is None else self.clock.monotonic() + timeout
        while not future.done:
            if self.step():
                continue
            delay = None if self.stopped else self.next_timer()
            left = None if end is None else end - self.clock.monotonic()
            if delay is None or (left is not None and _longer(delay, left)):
                self.clock.move(max(0.0, left or 0.0))
                return future.done
            self._jump(delay)
        return True

    def crashed(self, error: BaseException) -> None:
        """Stop here and now, and let the caller of `step` have *error*."""
        self.stop()
        raise error

    def stop(self, timeout: float | None = None) -> None:  # noqa: ARG002 - nothing waits
        """Run nothing any more."""
        self.stopped = True

    def _jump(self, delay: float) -> None:
        self.clock.move(delay)
        self.timers.run_next()

    def _next(self) -> Runnable | None:
        if self._random is not None:
            return self._draw(self._random)
        return self._ready.popleft() if self._ready else self._idle.pop()

    def _draw(self, random: Random) -> Runnable | None:
        ready = self._shuffled
        if not ready or (self._idle and random.random() < _EARLY):
            return self._idle.pop()
        chosen = random.randrange(len(ready))
        ready[chosen], ready[-1] = ready[-1], ready[chosen]
        return ready.pop()


def _longer(delay: float, left: float) -> bool:
    """Compare as the clock does: in whole microseconds."""
    return round(delay * MICRO) > round(left * MICRO)
