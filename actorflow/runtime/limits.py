"""How many attempts may run, or begin, at a time: limits that many share by name.

Who must wait stands in a queue, first come first served, and holds nothing but its
place: no thread, no timer of its own. Runs on the dispatcher's thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from actorflow.actors.timers import Timers
from actorflow.model.activities import Activity
from actorflow.model.policy import ConcurrencyLimit, RateLimit

SLACK = 1e-6
"""Seconds that a clock may be too coarse to tell."""


class Permit:
    """What an attempt needs to begin, and gives back when it ends, in any way.

    Attributes:
        granted: whether it may begin.
    """

    __slots__ = ("_admit", "_held", "_left", "_waits", "granted")

    def __init__(self, limits: list[_Limit], admit: Callable[[], object]) -> None:
        self._left = deque(limits)
        self._held: list[_Limit] = []
        self._admit = admit
        self._waits = True
        self.granted = False

    def advance(self) -> None:
        """Pass as many of the limits as let it; the next takes it into its queue."""
        while self._left:
            if not self._left[0].take(self):
                return
            self._held.append(self._left.popleft())
        self.granted = True

    def pass_on(self) -> None:
        """The limit it stood at has let it through."""
        self._held.append(self._left.popleft())
        self.advance()
        if self.granted:
            self._admit()

    @property
    def waits(self) -> bool:
        """Whether anybody still wants it."""
        return self._waits

    def release(self) -> None:
        """Give back what it holds, or its place in a queue."""
        self._waits = False
        held, self._held = self._held, []
        for limit in held:
            limit.free()


class _Limit(ABC):
    """A queue of those that a limit does not let through yet."""

    def __init__(self) -> None:
        self._queue: deque[Permit] = deque()

    def take(self, permit: Permit) -> bool:
        """Let it through, or into the queue."""
        if not self._queue and self.has_room():
            self.use()
            return True
        self._queue.append(permit)
        return False

    def pump(self) -> None:
        """Let through whom there is room for, first come first served."""
        while self._queue:
            if not self._queue[0].waits:
                self._queue.popleft()
            elif self.has_room():
                self.use()
                self._queue.popleft().pass_on()
            else:
                return

    @abstractmethod
    def has_room(self) -> bool:
        """Return whether one more may pass; see to it that `pump` is called if not."""

    @abstractmethod
    def use(self) -> None:
        """Count one more."""

    @abstractmethod
    def free(self) -> None:
        """One that passed has ended."""


class _Slots(_Limit):
    """So many at the same time."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        super().__init__()
        self._free = limit.count

    def has_room(self) -> bool:
        return self._free > 0

    def use(self) -> None:
        self._free -= 1

    def free(self) -> None:
        self._free += 1
        self.pump()


class _Bucket(_Limit):
    """A bucket of tokens, full at first, that fills evenly; each takes one.

    What is kept is the moment at which it will be full again, so that no time passes
    unnoticed and nothing is to be done while nobody asks.
    """

    def __init__(self, limit: RateLimit, timers: Timers, now: Any) -> None:
        super().__init__()
        self._interval = limit.per / limit.count
        self._burst = limit.per - self._interval
        self._timers, self._now = timers, now
        self._full_at = now()
        self._timer: Any = None

    def has_room(self) -> bool:
        wait = self._full_at - self._burst - self._now()
        if wait <= SLACK:
            return True
        if self._timer is None or not self._timer.active:
            self._timer = self._timers.after(wait, self.pump)
        return False

    def use(self) -> None:
        self._full_at = max(self._full_at, self._now()) + self._interval

    def free(self) -> None:
        """A token that was taken is used up."""


class Limits:
    """The limits of a runtime, by name."""

    def __init__(self, timers: Timers, monotonic: Callable[[], float]) -> None:
        self._timers, self._now = timers, monotonic
        self._limits: dict[Any, _Limit] = {}

    def ask(
        self, activity: Activity[..., Any], admit: Callable[[], object]
    ) -> Permit | None:
        """Return a permit for an attempt; None if it needs none.

        *admit* is called when one that was not granted at once is.
        """
        limits = list(self._of(activity))
        if not limits:
            return None
        permit = Permit(limits, admit)
        permit.advance()
        return permit

    def _of(self, activity: Activity[..., Any]) -> Iterator[_Limit]:
        """Yield its limits; slots first, so that no token is taken long before use."""
        for limit in (activity.concurrency_limit, activity.rate_limit):
            if limit is None:
                continue
            # Without a name, it is the activity's own.
            key = (type(limit), limit.name or (activity.name, limit))
            if key not in self._limits:
                self._limits[key] = self._made(limit)
            yield self._limits[key]

    def _made(self, limit: ConcurrencyLimit | RateLimit) -> _Limit:
        if isinstance(limit, ConcurrencyLimit):
            return _Slots(limit)
        return _Bucket(limit, self._timers, self._now)
