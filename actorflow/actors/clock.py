"""Where everything gets the time: the only module that knows `time`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

MICRO = 1_000_000


class Clock(Protocol):
    """Wall time and monotonic time, both in seconds."""

    def time(self) -> float:
        """Return seconds since the epoch, to the microsecond."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        ...


class SystemClock:
    """The time of this machine."""

    monotonic = staticmethod(time.monotonic)

    def time(self) -> float:
        """Return seconds since the epoch, to the microsecond."""
        return time.time_ns() // 1000 / MICRO


class VirtualClock:
    """A clock that stands still until somebody advances it.

    Time is kept in whole microseconds, so that advancing to a timer's due time makes
    it due, whatever floats do.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._wall = round(start * MICRO)
        self._elapsed = 0
        self._drive: Callable[[float], None] | None = None
        self._watchers: list[Callable[[], None]] = []

    def time(self) -> float:
        """Return virtual seconds since the epoch."""
        return self._wall / MICRO

    def monotonic(self) -> float:
        """Return virtual seconds since this clock was made."""
        return self._elapsed / MICRO

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass, with everything that falls due on the way.

        With a `ManualDispatcher` on this clock, its timers fire in due order and their
        consequences run; without one, the time just moves.
        """
        if self._drive is not None:
            self._drive(seconds)
        else:
            self.move(seconds)

    def move(self, seconds: float) -> None:
        """Move both times forward by *seconds* and wake whoever waits on this clock."""
        if seconds < 0:
            msg = f"time does not go back: {seconds}"
            raise ValueError(msg)
        self._elapsed += round(seconds * MICRO)
        self.set_wall(self._wall + round(seconds * MICRO))

    def jump(self, seconds: float) -> None:
        """Move only the wall time, as when somebody sets the machine's clock."""
        self.set_wall(self._wall + round(seconds * MICRO))

    def set_wall(self, micros: int) -> None:
        """Set the wall time, in microseconds since the epoch."""
        self._wall = micros
        for watcher in self._watchers:
            watcher()

    def drive_by(self, drive: Callable[[float], None]) -> None:
        """Let *drive* do what `advance` is asked to do."""
        self._drive = drive

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call *watcher* whenever the time has moved."""
        self._watchers.append(watcher)
