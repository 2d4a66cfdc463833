"""A log that can be told to fail: before or after a given write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actorflow.log.memory import MemoryLog
from actorflow.log.port import Write


class Crash(BaseException):
    """The process has died, here and now.  Not an `Exception`: nobody survives it."""


class CrashingLog(MemoryLog):
    """A `MemoryLog` whose process dies at its *at*-th write, before or after it.

    Args:
        at: the number of the write, from 1; None never crashes.
        after: die when the write is durable, and not just before.
        settings: what `MemoryLog` takes.
    """

    def __init__(
        self, *, at: int | None = None, after: bool = False, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.writes = 0
        self._at, self._after = at, after

    def write(self, batch: Sequence[Write]) -> None:
        """Write, and die if it is time."""
        self.writes += 1
        if self.writes == self._at and not self._after:
            raise Crash
        super().write(batch)
        if self.writes == self._at:
            raise Crash
