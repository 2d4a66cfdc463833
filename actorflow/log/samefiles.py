"""Whether the log on the disk is still the one that was opened.

SQLite goes on writing into a file that was deleted or replaced: every commit succeeds,
and all of them are gone when the last process closes it.
"""

from __future__ import annotations

import os
from pathlib import Path

from actorflow.errors import LogDamagedError

_Mark = tuple[int, int]


class SameFiles:
    """The database and its write-ahead log, as they were when this was made."""

    def __init__(self, path: Path) -> None:
        names = (str(path), f"{path}-wal")
        self._marks = {name: _mark(name) for name in names}
        self._gone: LogDamagedError | None = None

    def check(self) -> None:
        """Raise if one of them is gone, or another file has taken its name.

        Raises:
            LogDamagedError: and so for ever, even if the file comes back: what was
                written meanwhile may be in either of the two.
        """
        if self._gone is None:
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
