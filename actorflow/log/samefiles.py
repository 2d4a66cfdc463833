"""Whether the log on the disk is still the one that was opened.

SQLite goes on writing into a file that was deleted or replaced: every commit succeeds,
and all of them are gone when the last process closes it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from actorflow.errors import LogDamagedError

_Mark = tuple[int, int]

EVERY = 0.05
"""Seconds for which a look is good: two of them before each commit of a chain made its
steps a tenth longer, and each let another thread wait."""


class SameFiles:
    """The database and its write-ahead log, as they were when this was made."""

    def __init__(self, path: Path) -> None:
        names = (str(path), f"{path}-wal")
        self._marks = {name: _mark(name) for name in names}
        self._gone: LogDamagedError | None = None
        self._next_look = 0.0

    def check(self) -> None:
        """Raise if one of them is gone, or another file has taken its name.

        It is looked at `EVERY` so many seconds; commits between two looks may be lost.

        Raises:
            LogDamagedError: and so for ever, even if the file comes back: what was
                written meanwhile may be in either of the two.
        """
        now = time.monotonic()  # noqa: TID251 - files do not live in virtual time
        if self._gone is None and now >= self._next_look:
            self._next_look = now + EVERY
            for name, mark in self._marks.items():
                if _mark(name) != mark:
                    self._gone = LogDamagedError(
                        f"{name} was deleted or replaced while it was open; what is "
                        "written now would be lost. Put it back, and open the log again"
                    )
        if self._gone is not None:
            raise self._gone


def _mark(name: str) -> _Mark | None:
    try:
        found = os.stat(name)  # noqa: PTH116 - for every commit: a Path costs more
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
