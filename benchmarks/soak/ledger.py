"""The account outside the log: what activities and their users saw with their own eyes.

A line is one write to a file opened for appending, so lines of several processes do not
mix, and a killed process has written either all of a line or nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen


@frozen
class Line:
    """One thing that was seen.

    Attributes:
        what: ``begin`` and ``end`` of a try of an activity; ``started`` and ``ended``
            of an execution, as its user was told; ``signal``, as its sender was told;
            ``kill`` and ``up`` of a process.
        who: the process it happened in.
        at: seconds since the epoch.
        execution: which one it is about.
        address: which activation of it.
        attempt: which try.
        detail: whatever else there is to say.
    """

    what: str
    who: str
    at: float
    execution: str = ""
    address: str = ""
    attempt: int = 0
    detail: Any = None


class Ledger:
    """Writes lines, from one process; and reads those of all.

    Args:
        path: the file.
        who: the process that writes.
    """

    def __init__(self, path: Path, who: str = "") -> None:
        self._path, self._who = path, who
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, what: str, *rest: Any, who: str | None = None) -> None:
        """Write one line, at once."""
        line = [what, who or self._who, time.time(), *rest]
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def lines(self) -> Iterator[Line]:
        """Yield all that has been written."""
        with self._path.open(encoding="utf-8") as file:
            for text in file:
                yield Line(*json.loads(text))
