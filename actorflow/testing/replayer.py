"""`Replayer`: does today's code still do what yesterday's histories have?

The engine runs on a log in memory, and nothing runs that touches the world: whatever
came from outside (results of activities, signals, time, people) is taken from the
history, in its order, and what the code decides must be what the history has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from actorflow.errors import NonDeterminismError
from actorflow.log.codec import Codec
from actorflow.log.port import EventLog
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Recorded
from actorflow.runtime.registry import as_workflow
from actorflow.testing.replaying import Replay
from actorflow.testing.runtimes import runtime

KIND = "execution"
PAGE = 500


@frozen
class Divergence:
    """The first event of an execution that today's code does not lead to.

    Attributes:
        seq: number of the event.
        address: where it was recorded.
        expected: what the history has there.
        got: what the code does instead.
    """

    execution_id: str
    seq: int
    address: str
    expected: str
    got: str

    def __str__(self) -> str:
        where = f" at {self.address}" if self.address else ""
        return (
            f"{self.execution_id}: event {self.seq}{where}: expected {self.expected}, "
            f"got {self.got}"
        )


class ReplayError(AssertionError):
    """Histories that today's code does not lead to.

    Attributes:
        divergences: the first of every execution that has one.
    """

    def __init__(self, divergences: list[Divergence]) -> None:
        super().__init__(divergences)
        self.divergences = divergences

    def __str__(self) -> str:
        count = len(self.divergences)
        lines = "".join(f"\n  - {each}" for each in self.divergences)
        return f"{count} execution{'s' * (count != 1)} would not replay:{lines}"


class Replayer:
    """Replays the histories in a log.

    Args:
        log: the path of a file, which is only read, or an open log.
        activities: for graphs that name their activities.
    """

    def __init__(
        self, log: str | Path | EventLog, *, activities: Iterable[Any] = ()
    ) -> None:
        self._log = log
        self._activities = list(activities)

    def check(self, definition: Any, *, execution_id: str | None = None) -> int:
        """Replay every execution of *definition*, or one; return how many there are.

        Raises:
            ReplayError: with the first divergence of every execution that has one.
        """
        name = as_workflow(definition).name
        log = self._opened()
        checked, found = 0, list[Any]()
        try:
            for name_, history in _histories(log, name, execution_id):
                checked += 1
                found += self._compare(definition, name_, history)
        finally:
            if log is not self._log:
                log.close()
        if found:
            raise ReplayError(found)
        return checked

    def _opened(self) -> EventLog:
        if isinstance(self._log, str | Path):
            return SQLiteLog(self._log, codec=Codec(), read_only=True)
        return self._log

    def _compare(
        self, definition: Any, execution_id: str, history: list[Recorded]
    ) -> Iterator[Divergence]:
        with runtime(definition, activities=self._activities) as rt:
            replay = Replay(rt, as_workflow(definition), execution_id, history)
            try:
                difference = replay.run()
            finally:
                replay.close()
        if difference is not None:
            recorded, got = difference
            yield Divergence(
                execution_id,
                recorded.seq,
                recorded.address,
                described(recorded.event),
                got if isinstance(got, str) else described(got),
            )


def _histories(
    log: EventLog, workflow: str, execution_id: str | None
) -> Iterator[tuple[str, list[Recorded]]]:
    before = None
    while True:
        rows = log.rows(KIND, type=workflow, before=before, limit=PAGE)
        for row in rows:
            if execution_id in (None, row.name):
                yield row.name, list(log.read(row.id))
        if len(rows) < PAGE:
            return
        before = (rows[-1].created_at, rows[-1].id)


def described(event: Any) -> str:
    """Return an event as one would write it, without what is not set."""
    if isinstance(event, NonDeterminismError):
        return event.got
    if isinstance(event, Recorded):
        return f"{described(event.event)} at {event.address}"
    fields = [
        f"{a.name}={getattr(event, a.name)!r}"
        for a in type(event).__attrs_attrs__
        if getattr(event, a.name) not in (None, a.default)
    ]
    return f"{type(event).__name__}({', '.join(fields)})"
