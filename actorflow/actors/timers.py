"""Timers: what a dispatcher owes at a time.

Callbacks run on the dispatcher's thread and must be tiny; usually they are a ref's
`tell`. Every method may be called from any thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Lock
from typing import Any

from actorflow.actors.clock import MICRO, Clock

logger = logging.getLogger(__name__)

LONGEST_WAIT = 30.0
"""A wall timer is looked at again at least this often: wall clocks jump."""

_FEW = 64


class Timer:
    """One appointment; `cancel` it as long as it has not come."""

    __slots__ = ("_callback", "_heap", "due")

    def __init__(self, heap: _Heap, due: int, callback: Callable[[], object]) -> None:
        self.due = due
        self._heap = heap
        self._callback: Callable[[], object] | None = callback

    @property
    def active(self) -> bool:
        """Whether the callback is still to come."""
        return self._callback is not None

    def cancel(self) -> None:
        """Forget the callback; nothing happens if it has already been called."""
        if self._take() is not None:
            self._heap.forget()

    def _take(self) -> Callable[[], object] | None:
        callback, self._callback = self._callback, None
        return callback


class _Heap:
    """Timers of one time scale, earliest first; cancelled ones leave late."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.entries: list[tuple[int, int, Timer]] = []
        self._cancelled = 0
        self._order = count()
        self._lock = Lock()

    def add(self, due: int, callback: Callable[[], object]) -> tuple[Timer, bool]:
        """Return the new timer, and whether it is now the earliest."""
        timer = Timer(self, due, callback)
        with self._lock:
            heappush(self.entries, (due, next(self._order), timer))
            return timer, self.entries[0][2] is timer

    def forget(self) -> None:
        """Count one cancelled timer; rebuild when most of the heap is such."""
        with self._lock:
            self._cancelled += 1
            if self._cancelled > _FEW and self._cancelled * 2 > len(self.entries):
                self.entries = [entry for entry in self.entries if entry[2].active]
                heapify(self.entries)
                self._cancelled = 0

    def remaining(self) -> float | None:
        """Return the seconds until the earliest timer, or None."""
        if not self.entries:
            return None
        with self._lock:
            self._drop_cancelled()
            if not self.entries:
                return None
            return max(0, self.entries[0][0] - round(self.now() * MICRO)) / MICRO

    def pop_due(self) -> Callable[[], object] | None:
        """Return the callback of the earliest timer if it is due."""
        now = round(self.now() * MICRO)
        with self._lock:
            while self.entries and self.entries[0][0] <= now:
                callback = heappop(self.entries)[2]._take()  # noqa: SLF001 - same module
                if callback is not None:
                    return callback
                self._cancelled = max(0, self._cancelled - 1)
            return None

    def _drop_cancelled(self) -> None:
        while self.entries and not self.entries[0][2].active:
            heappop(self.entries)
            self._cancelled = max(0, self._cancelled - 1)


class Timers:
    """The timers of one dispatcher.

    Args:
        clock: where the time comes from.
        nudge: called when a new timer is earlier than all others, so that whoever
            waits can wait less.
    """

    def __init__(
        self, clock: Clock, nudge: Callable[[], object] = lambda: None
    ) -> None:
        self._wall = _Heap(clock.time)
        self._elapsed = _Heap(clock.monotonic)
        self._nudge = nudge

    def at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call *callback* when the wall clock has reached *when* (since the epoch).

        This is the time scale of durable times; it follows the clock if it jumps.
        """
        return self._add(self._wall, round(when * MICRO), callback, args)

    def after(
        self, seconds: float, callback: Callable[..., object], *args: Any
    ) -> Timer:
        """Call *callback* in *seconds* of monotonic time."""
        due = round((self._elapsed.now() + max(0.0, seconds)) * MICRO)
        return self._add(self._elapsed, due, callback, args)

    def remaining(self) -> float | None:
        """Return the seconds until the next timer is due; None if there is none."""
        wall, elapsed = self._wall.remaining(), self._elapsed.remaining()
        if wall is None or elapsed is None:
            return elapsed if wall is None else wall
        return min(wall, elapsed)

    def patience(self) -> float | None:
        """Return how long a dispatcher may wait before it looks again."""
        wall, elapsed = self._wall.remaining(), self._elapsed.remaining()
        if wall is not None:
            wall = min(wall, LONGEST_WAIT)
            return wall if elapsed is None else min(wall, elapsed)
        return elapsed

    def run_next(self) -> bool:
        """Call the next callback that is due; return whether there was one."""
        callback = self._elapsed.pop_due() or self._wall.pop_due()
        if callback is None:
            return False
        try:
            callback()
        except Exception:
            logger.exception("A timer's callback failed: %r", callback)
        return True

    def run_due(self) -> None:
        """Call everything that is due."""
        while self.run_next():
            pass

    def __bool__(self) -> bool:
        """Whether there may be timers, cancelled ones included."""
        return bool(self._wall.entries or self._elapsed.entries)

    def _add(
        self, heap: _Heap, due: int, callback: Callable[..., object], args: Any
    ) -> Timer:
        if args:
            timer, earliest = heap.add(due, _Call(callback, args))
        else:
            timer, earliest = heap.add(due, callback)
        if earliest:
            self._nudge()
        return timer


class _Call:
    """A callable with its arguments."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., object], args: Any) -> None:
        self.callback = callback
        self.args = args

    def __call__(self) -> object:
        return self.callback(*self.args)

    def __repr__(self) -> str:
        return f"{self.callback!r}{self.args!r}"
