"""How those who wait learn that something has become durable.

A bell says only *that* something happened; what happened is read from the log. So a
slow listener costs no memory, and nobody is told what is not yet durable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from actorflow.actors.future import PooledFuture


class Bell:
    """Rings once for every time it is armed."""

    def __init__(self) -> None:
        self._future: PooledFuture[None] | None = None

    def arm(self) -> PooledFuture[None]:
        """Return a future that the next ring completes; arm first, then look."""
        self._future = PooledFuture()
        return self._future

    def ring(self) -> None:
        """Wake whoever waits."""
        future, self._future = self._future, None
        if future is not None:
            future.set(None)


class Bells:
    """Bells by execution: for changes of status, and for every event."""

    def __init__(self) -> None:
        self._status: dict[str, list[Bell]] = {}
        self._events: dict[str, list[Bell]] = {}
        self._followers: tuple[Callable[[], object], ...] = ()
        self._lock = threading.Lock()

    def follow(self, ring: Callable[[], object]) -> Callable[[], None]:
        """Call *ring* whenever any execution has new events; return how to stop."""
        with self._lock:
            self._followers = (*self._followers, ring)

        def stop() -> None:
            with self._lock:
                self._followers = tuple(f for f in self._followers if f is not ring)

        return stop

    def listened(self, execution_id: str) -> bool:
        """Whether somebody wants to know of every event."""
        return bool(self._followers) or execution_id in self._events

    @property
    def waited(self) -> bool:
        """Whether anybody waits for a change of status."""
        return bool(self._status)

    @contextmanager
    def status(self, execution_id: str) -> Iterator[Bell]:
        """Give a bell that rings when the execution's status may have changed."""
        with self._hung(self._status, execution_id) as bell:
            yield bell

    @contextmanager
    def events(self, execution_id: str) -> Iterator[Bell]:
        """Give a bell that rings when there are new events."""
        with self._hung(self._events, execution_id) as bell:
            yield bell

    @contextmanager
    def _hung(self, where: dict[str, list[Bell]], name: str) -> Iterator[Bell]:
        bell = Bell()
        with self._lock:
            where.setdefault(name, []).append(bell)
        try:
            yield bell
        finally:
            with self._lock:
                where[name].remove(bell)
                if not where[name]:
                    del where[name]

    def ring_status(self, execution_id: str, *_: Any) -> None:
        """The execution's status has changed."""
        self._ring(self._status.get(execution_id, ()))

    def ring_events(self, execution_id: str) -> None:
        """The execution has new events."""
        self._ring(self._events.get(execution_id, ()))
        for ring in self._followers:
            ring()

    def ring_all(self) -> None:
        """Anything may have changed: another process wrote, or this runtime ends."""
        with self._lock:
            bells = [
                b for d in (self._status, self._events) for bs in d.values() for b in bs
            ]
        self._ring(bells)
        for ring in self._followers:
            ring()

    def _ring(self, bells: Any) -> None:
        for bell in list(bells):
            bell.ring()
