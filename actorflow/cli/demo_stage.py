"""A workflow in a process of its own, watched from outside and killed on request."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from attrs import define, field, frozen

from actorflow.cli.failures import Refusal
from actorflow.cli.opening import PATIENCE, clock
from actorflow.errors import LogError
from actorflow.log.port import EXECUTION
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import events as ev
from actorflow.model.events import Data, Recorded
from actorflow.model.timeline import FANS, Timeline

TARGET = "actorflow.cli.demo_workflow:analysis"
ID = "demo"
LOOK = 0.01
"""Seconds between looks at the log: a few files go by in between."""
LAST = 6
STALL = 120.0
"""Seconds without a new event after which nobody believes that there will be one."""


@frozen
class Stage:
    """Where a rehearsal takes place.

    Attributes:
        root: the tree to analyse.
        db: the log.
        ledger: where every activity notes that it has begun.
        workers: how many processes parse.
    """

    root: Path
    db: Path
    ledger: Path
    workers: int

    def words(self) -> list[str]:
        """Return the command that starts the execution, or goes on with it."""
        inputs = {"root": str(self.root), "ledger": str(self.ledger)}
        words = ["run", TARGET, "--id", ID, "--db", str(self.db)]
        words += ["--threads", str(self.workers)]
        for name, value in inputs.items():
            words += ["-i", f"{name}={json.dumps(value)}"]
        return words

    def noted(self) -> Counter[str]:
        """Return the ledger: how often every activity has begun, by address."""
        if not self.ledger.exists():
            return Counter()
        return Counter(self.ledger.read_text(encoding="utf-8").splitlines())


@define
class Watcher:
    """What the log tells a reader who knows nothing of the process that writes it.

    Attributes:
        recorded: how often a result was recorded, by address.
        last: the last few events.
        output: what the execution returned, as it is written in the log.
        mark: the last event of the process that was killed.
        resumed: when the next one was recorded.
        read_at: when the last file was read.
    """

    db: Path
    timeline: Timeline = field(factory=Timeline)
    recorded: Counter[str] = field(factory=Counter)
    last: deque[Recorded] = field(factory=lambda: deque(maxlen=LAST))
    output: Data = None
    mark: int | None = None
    resumed: float | None = None
    read_at: float | None = None
    _log: SQLiteLog | None = None

    def look(self) -> None:
        """Take in what has been recorded since the last look."""
        log = self._log or self._open()
        row = log.find(EXECUTION, ID) if log else None
        if log is None or row is None:
            return
        for recorded in log.read(row.id, after=self.timeline.version, until=row.head):
            self._take(recorded)

    def _take(self, recorded: Recorded) -> None:
        entry = self.timeline.take(recorded)
        self.last.append(recorded)
        event = recorded.event
        if self.mark is not None and self.resumed is None:
            self.resumed = recorded.time
        if isinstance(event, ev.ActivationCompleted) and entry is not None:
            if entry.kind == "activity" or entry.address != recorded.address:
                self.recorded[recorded.address] += 1
            elif entry.kind in FANS:
                self.read_at = recorded.time
        elif isinstance(event, ev.ExecutionCompleted):
            self.output = event.output

    def _open(self) -> SQLiteLog | None:
        try:
            self._log = SQLiteLog(self.db, read_only=True, busy_timeout=PATIENCE)
        except LogError:
            return None  # the process that makes it has not got so far
        return self._log

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()

    @property
    def items(self) -> tuple[int, int | None]:
        """How many files are recorded, and of how many."""
        for entry in self.timeline.entries:
            if entry.kind in FANS:
                return entry.done, entry.total
        return 0, None

    @property
    def events(self) -> int:
        """How many events are recorded."""
        return self.timeline.version


class Child:
    """A process that runs the workflow, with all that it starts itself."""

    def __init__(self, stage: Stage) -> None:
        self._errors = stage.db.with_name(f"{stage.db.name}-errors")
        self.started = clock.time()
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "actorflow", *stage.words()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def is_running(self, seconds: float) -> bool:
        """Return whether it still runs after *seconds*; at once if it does not."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> None:
        """Kill it and its workers: no handler runs, nothing is closed or flushed."""
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def check(self) -> None:
        """Raise if it did not end well by itself."""
        if code := self._process.returncode:
            problem = f"the workflow's process ended with code {code}"
            raise Refusal(f"{problem}\n{self.said()}")

    def tidy(self) -> None:
        """Remove what it has written on standard error, which was nothing of note."""
        self._errors.unlink(missing_ok=True)

    def said(self) -> str:
        """Return what it has written on standard error."""
        return self._errors.read_text(encoding="utf-8", errors="replace").strip()


def play(
    stage: Stage,
    watcher: Watcher,
    *,
    kill_when: Callable[[Watcher], bool],
    show: Callable[[Watcher], None],
) -> Child | None:
    """Run the workflow in a child; return the child if it was killed on the way.

    Raises:
        Refusal: it ended by itself, and not well.
    """
    child = Child(stage)
    moved, events = clock.monotonic(), watcher.events
    try:
        while child.is_running(LOOK):
            watcher.look()
            show(watcher)
            if watcher.timeline.ended is None and kill_when(watcher):
                child.kill()
                return child
            if watcher.events != events:
                moved, events = clock.monotonic(), watcher.events
            elif clock.monotonic() - moved > STALL:
                raise Refusal(f"nothing was recorded for {STALL:g} s\n{child.said()}")
    finally:
        child.kill()
        watcher.look()
        show(watcher)
    child.check()
    child.tidy()
    return None
