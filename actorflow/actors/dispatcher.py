"""The shared dispatcher: who runs next, and on which thread.

Anything with a `turn` can be scheduled. Whoever schedules it guarantees that it is in
the queue at most once and never in two turns at the same time (an actor's ref does so
with a token); the dispatcher guarantees that what was scheduled gets its turn.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from pykka import ActorRegistry

from actorflow.actors.clock import Clock, SystemClock, VirtualClock
from actorflow.actors.future import PooledFuture, current
from actorflow.actors.timers import Timers

logger = logging.getLogger(__name__)

THROUGHPUT = 64
"""Messages an actor may handle in one turn."""

LONG_TURN = 1.0
"""Seconds after which a turn is worth a warning."""

IDLE_TURNS = 2_000
"""Turns of others that a low-priority runnable waits for at most."""

_TIMER_TURNS = 16


class Runnable(Protocol):
    """What a dispatcher runs."""

    def turn(self, throughput: int) -> None:
        """Do a bounded amount of work and return; raise only to stop everything."""
        ...


class Dispatcher(Protocol):
    """Runs what is ready, fires what is due."""

    timers: Timers

    @property
    def clock(self) -> Clock:
        """The time of the timers."""
        ...

    @property
    def wake(self) -> Callable[[Runnable], Any]:
        """What gives a runnable a turn after all those that are ready now."""
        ...

    def wake_when_idle(self, runnable: Runnable) -> None:
        """Give the runnable a turn when nobody else wants one."""
        ...

    def hurry(self, runnable: Runnable) -> None:
        """Stop treating *runnable*, if it waits for idleness, as unimportant."""
        ...

    def blocking(self) -> AbstractContextManager[None]:
        """Let others run while the caller's turn blocks."""
        ...

    def wait_for(self, future: PooledFuture[Any], timeout: float | None) -> bool:
        """Return whether *future* was done before *timeout* ran out."""
        ...

    def crashed(self, error: BaseException) -> None:
        """Deal with an exception that ends everything."""
        ...

    @property
    def stopped(self) -> bool:
        """Whether nothing is run any more."""
        ...

    def stop(self, timeout: float | None = None) -> None:
        """Run nothing any more."""
        ...


class IdleQueue:
    """Who waits for the others to be idle, first come first served.

    Each of these calls is atomic as it is: a lock would cost more than they do.
    """

    def __init__(self) -> None:
        self._waiting: deque[Runnable] = deque()
        self.add = self._waiting.append

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def discard(self, runnable: Runnable) -> bool:
        """Take *runnable* out; return whether it was in."""
        try:
            self._waiting.remove(runnable)
        except ValueError:
            return False
        return True

    def pop(self) -> Runnable | None:
        """Take the first one out."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None


class _MadeWay(BaseException):
    """The thread that takes turns has given its place to another."""


class _Baton:
    """In the queue for a thread that was held up: whoever gets it makes way."""

    def __init__(self, make_way: Callable[[], object]) -> None:
        self._make_way = make_way
        self.taken = threading.Event()

    def turn(self, throughput: int) -> None:
        """Let the thread that waits go on, and the one that is here stop."""
        del throughput
        self._make_way()
        self.taken.set()
        raise _MadeWay


class ThreadDispatcher:
    """A dispatcher on its own threads; one is enough unless actors block.

    Whoever takes turns has a place, and there are as many places as threads. A thread
    that sleeps leaves its place free. Whoever wakes a runnable hands a free place to a
    sleeper; a thread from outside may instead take it for a while (`stand_in`), which
    saves two changes of threads.

    Its threads are daemons: whoever owns the dispatcher stops it.
    """

    def __init__(
        self,
        threads: int = 1,
        *,
        name: str = "actorflow",
        clock: Clock | None = None,
        throughput: int = THROUGHPUT,
    ) -> None:
        self.clock = clock or SystemClock()
        self.timers = Timers(self.clock, self._nudge)
        self._throughput = throughput
        self._name = name
        self._ready: deque[Runnable | None] = deque()
        self._idle = IdleQueue()
        self._numbers = count()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._wanted = threads
        self._places = threads
        self._free = 0  # places that nobody has
        self._held_up: set[int] = set()  # threads that others take turns for
        self._substitutes: set[int] = set()  # threads from outside, in a place of ours
        self._left: SimpleQueue[None] = SimpleQueue()  # of those, once we are stopped
        self._handed: SimpleQueue[None] = SimpleQueue()  # places, to those who sleep
        self._stale = False  # a sleeper should look at the timers again
        self._waits_in_real_time = not isinstance(self.clock, VirtualClock)
        if isinstance(self.clock, VirtualClock):
            self.clock.watch(self._nudge)
        for _ in range(threads):
            self._start_thread()

    def wake(self, runnable: Runnable | None) -> None:
        """Give the runnable a turn after all those that are ready now."""
        self._ready.append(runnable)
        if self._free:
            self._rouse()

    def wake_when_idle(self, runnable: Runnable) -> None:
        """Give the runnable a turn when nobody else wants one."""
        self._idle.add(runnable)
        if current.waiter is not self or len(self._threads) > 1:
            self._nudge()  # else this very thread is about to look

    def hurry(self, runnable: Runnable) -> None:
        """Put *runnable*, if it waits for idleness, among the others."""
        if self._idle.discard(runnable):
            self.wake(runnable)

    def stand_in(
        self,
        tell: Callable[[Any], object],
        message: Any,
        enough: Callable[[], object],
    ) -> None:
        """Tell; then take the turns that follow here, if no thread is awake for them.

        For a thread from outside that has nothing else to do. It returns when nobody
        wants a turn any more, or after a turn when *enough* says so.
        """
        me = threading.get_ident()
        in_place = self._lend_place(me)
        tell(message)
        if not in_place:
            return
        before, current.waiter = current.waiter, self
        try:
            self._take_turns(enough)
        except _MadeWay:
            in_place = False
        finally:
            current.waiter = before
            if in_place:
                self._leave_place()
            self._substitutes.discard(me)
            if self.stopped:
                self._left.put(None)

    @contextmanager
    def blocking(self) -> Iterator[None]:
        """Let another thread take this one's place for a while."""
        with self._lock:
            if self._wanted:
                self._add_place()
        try:
            yield
        finally:
            current.excused = True
            with self._lock:
                self._wanted = max(0, self._wanted - 1)
            self._nudge()

    def relieve(self, thread: int) -> Callable[[], None] | None:
        """Let another take turns while a thread, of that ident, is held up in its own.

        For whoever sees that a turn blocks without having said so. Return what the
        thread has to call before it goes on with the turn: there is as much at a time
        then as there was before. None if the dispatcher has stopped.
        """
        with self._lock:
            if not self._wanted:
                return None
            self._held_up.add(thread)
            self._add_place()
        return partial(self._come_back, thread)

    def _come_back(self, thread: int) -> None:
        """Take up a turn again: for that, one of the others loses its place."""
        baton = _Baton(self._lose_place)
        if not self._lose_free_place():
            self.wake(baton)
            baton.taken.wait()
        if self.stopped:
            threading.Event().wait()  # for ever: there is nothing to come back to
        self._held_up.discard(thread)
        current.excused = True

    def _lose_free_place(self) -> bool:
        """Return whether there was a place that nobody had."""
        with self._lock:
            if not self._wanted:
                return True
            if not self._free:
                return False
            self._free -= 1
        self._lose_place()
        return True

    def _lose_place(self) -> None:
        with self._lock:
            self._places -= 1
            self._wanted = max(0, self._wanted - 1)

    def wait_for(self, future: PooledFuture[Any], timeout: float | None) -> bool:
        """Wait on a thread of this dispatcher, with another in its place."""
        with self.blocking():
            return future.block(timeout)

    def crashed(self, error: BaseException) -> None:
        """Stop all actors, as Pykka does."""
        logger.debug("%r. Stopping all actors.", error)
        ActorRegistry.stop_all(block=False)

    @property
    def stopped(self) -> bool:
        """Whether nothing is run any more."""
        return not self._wanted

    def stop(self, timeout: float | None = None) -> None:
        """End the threads after the turns they are in; wait for that."""
        with self._lock:
            self._wanted = 0
            threads = list(self._threads)
            substitutes = self._substitutes - self._held_up
        for _ in threads:
            self._nudge()
            self._handed.put(None)  # one may sleep that has lost its place
        me = threading.current_thread()
        if me.ident in substitutes:
            return  # the thread whose place this is may not end before us
        for thread in threads:
            if thread is not me and thread.ident not in self._held_up:
                thread.join(timeout)
        for _ in substitutes:
            with suppress(Empty):
                self._left.get(timeout=timeout)

    # -- places ------------------------------------------------------------------------

    def _nudge(self) -> None:
        """Make a thread look around."""
        self._stale = True
        self.wake(None)

    def _rouse(self) -> None:
        """Hand a free place, if there still is one, to a thread that sleeps."""
        with self._lock:
            if not self._free:
                return
            self._free -= 1
        self._handed.put(None)

    def _take_place(self) -> bool:
        """Return whether there was a free place; this thread has it now."""
        with self._lock:
            if not self._free:
                return False
            self._free -= 1
            return True

    def _lend_place(self, thread: int) -> bool:
        """Return whether *thread*, which is none of ours, has a free place now."""
        with self._lock:
            if not self._free or not self._wanted:
                return False
            self._free -= 1
            self._substitutes.add(thread)
            return True

    def _leave_place(self) -> None:
        """Let others have this place, and know of what is left to do."""
        with self._lock:
            self._free += 1
        ending = len(self._threads) > self._wanted
        if self._ready or self._idle or self._stale or ending:
            self._rouse()

    def _add_place(self) -> None:
        self._wanted += 1
        self._places += 1
        self._start_thread()

    def _start_thread(self) -> None:
        thread = threading.Thread(
            target=self._run, name=f"{self._name}-{next(self._numbers)}", daemon=True
        )
        self._threads.add(thread)
        thread.start()

    def _run(self) -> None:
        current.waiter = self
        while not self._superfluous():
            try:
                self._take_turns()
            except _MadeWay:
                self._handed.get()  # a place, or what wakes the superfluous
                continue
            self.timers.run_due()
            if not self._ready and not self._idle:
                self._sleep()

    def _sleep(self) -> None:
        """Leave the place until there is something to do."""
        self._stale = False
        patience = self.timers.patience() if self._waits_in_real_time else None
        self._leave_place()
        try:
            self._handed.get(timeout=patience)
        except Empty:
            self._stale = True
            if not self._take_place():  # whoever has it will hand it over
                self._handed.get()

    def _take_turns(self, enough: Callable[[], object] | None = None) -> None:
        """Take turns until nobody wants one.  This loop is what every message costs."""
        next_one, throughput = self._ready.popleft, self._throughput
        now = SystemClock.monotonic
        turns, idle_turns, ended = 0, 0, now()
        while True:
            try:
                runnable = next_one()
            except IndexError:
                runnable = self._idle.pop()
                idle_turns = 0
            if runnable is None:
                return
            runnable.turn(throughput)
            began, ended = ended, now()
            if ended - began > LONG_TURN:
                _warn(runnable, ended - began)
            if enough is not None and enough():
                return
            turns += 1
            if not turns % _TIMER_TURNS:
                idle_turns = self._look_around(idle_turns)
                ended = now()

    def _look_around(self, idle_turns: int) -> int:
        """See to timers and to the idle although there is more urgent work."""
        if self.timers:
            self.timers.run_due()
        if not self._idle:
            return 0
        if idle_turns >= IDLE_TURNS:
            runnable = self._idle.pop()
            if runnable is not None:
                self.wake(runnable)
            return 0
        return idle_turns + _TIMER_TURNS

    def _superfluous(self) -> bool:
        """Whether there are enough threads without this one, which has a place."""
        with self._lock:
            if len(self._threads) <= self._wanted:
                return False
            self._threads.discard(threading.current_thread())
            is_spare = self._places > self._wanted
            self._places -= is_spare
        if not is_spare:
            self._leave_place()
        return True


def _warn(runnable: Runnable, seconds: float) -> None:
    if current.excused:
        current.excused = False
        return
    logger.warning(
        "%s held its dispatcher up for %.1f s; what blocks belongs into an activity, "
        "or into `with self.blocking():`",
        runnable,
        seconds,
    )
