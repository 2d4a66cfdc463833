"""`Replayer`: does today's code still do what yesterday's histories have?

The engine runs on a log in memory, and nothing runs that touches the world: whatever
came from outside (results of activities, signals, time, people) is taken from the
history, in its order, and what the code decides must be what the history has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from actorflow.errors import (
    ExecutionEndedError,
    ExecutionNotFoundError,
    NonDeterminismError,
)
from actorflow.log.codec import Codec
from actorflow.log.port import EXECUTION, EventLog, StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.definition import Workflow
from actorflow.model.events import Recorded
from actorflow.model.state import ENDED
from actorflow.runtime.registry import as_workflow
from actorflow.testing.replaying import Replay
from actorflow.testing.runtimes import runtime

PAGE = 500


@frozen
class Divergence:
    """The first event of an execution that today's code does not lead to.

    Attributes:
        seq: number of the event.
        address: where it was recorded.
        expected: what the history has there.
        got: what the code does instead.
        place: the line of a dynamic node's code that does it, if it is one's.
    """

    execution_id: str
    seq: int
    address: str
    expected: str
    got: str
    place: str | None = None

    def __str__(self) -> str:
        where = f" at {self.address}" if self.address else ""
        place = f" at {self.place}" if self.place else ""
        return (
            f"{self.execution_id}: event {self.seq}{where}: expected {self.expected}, "
            f"got {self.got}{place}"
        )


@frozen
class Replayed:
    """What became of one execution's history.

    Attributes:
        status: how far the execution had come.
        events: how many it has.
        divergence: the first event that today's code does not lead to, if there is one.
        refused: the definition has another fingerprint than the one it was recorded
            with, and does not name that as compatible; so a runtime with this code
            would not go on with the execution.
    """

    execution_id: str
    workflow: str
    status: str
    events: int
    fingerprint: str | None
    divergence: Divergence | None = None
    refused: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether the execution is over, so that nobody will go on with it."""
        return self.status in ENDED

    @property
    def fits(self) -> bool:
        """Whether today's code leads to the history, and may go on with it."""
        return self.divergence is None and not (self.refused and not self.has_ended)


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
        replayed = list(self.replay(definition, execution_id=execution_id))
        found = [each.divergence for each in replayed if each.divergence is not None]
        if found:
            raise ReplayError(found)
        return len(replayed)

    def replay(
        self, definition: Any, *, execution_id: str | None = None
    ) -> Iterator[Replayed]:
        """Yield what becomes of every execution of *definition*, or of one.

        Executions that were recorded with another version of it are replayed as well.
        """
        workflow = as_workflow(definition)
        with self._opened() as log:
            for row in _rows(log, workflow.name, execution_id):
                history = list(log.read(row.id))
                yield Replayed(
                    row.name,
                    row.type,
                    row.status,
                    len(history),
                    row.fingerprint,
                    self._compare(definition, workflow, row.name, history),
                    row.fingerprint
                    not in (workflow.fingerprint, *workflow.compatible_with),
                )

    def query(
        self,
        definition: Any,
        execution_id: str,
        name: str,
        *args: Any,
        address: str | None = None,
    ) -> Any:
        """Answer a query out of the log, wherever the execution runs.

        Args:
            definition: what the execution is one of.
            execution_id: whose node it is.
            name: of the query, as given to `Context.on_query`.
            args: what its function is given.
            address: of the node, where several answer that query.

        Raises:
            ReplayError: the history is not that of this code.
            ExecutionNotFoundError: *definition* has no such execution.
            ActorflowError: what `Runtime.query` raises.
        """
        workflow = as_workflow(definition)
        with self._opened() as log:
            row = next(_rows(log, workflow.name, execution_id), None)
            if row is None:
                raise ExecutionNotFoundError(execution_id)
            if row.status in ENDED:
                raise ExecutionEndedError(execution_id, row.status)
            history = list(log.read(row.id))
            codec = log.codec
        given = [codec.to_data(a, path=f"argument {n}") for n, a in enumerate(args)]
        asked = {"name": name, "args": given, "address": address}
        with self._replaying(definition, workflow, execution_id, history) as replay:
            found = _divergence(replay, execution_id)
            if found is not None:
                raise ReplayError([found])
            return codec.from_data(replay.query(asked).data, path=name)

    @contextmanager
    def _opened(self) -> Iterator[EventLog]:
        if not isinstance(self._log, str | Path):
            yield self._log
            return
        with SQLiteLog(self._log, codec=Codec(), read_only=True) as log:
            yield log

    def _compare(
        self,
        definition: Any,
        workflow: Workflow,
        execution_id: str,
        history: list[Recorded],
    ) -> Divergence | None:
        with self._replaying(definition, workflow, execution_id, history) as replay:
            return _divergence(replay, execution_id)

    @contextmanager
    def _replaying(
        self,
        definition: Any,
        workflow: Workflow,
        execution_id: str,
        history: list[Recorded],
    ) -> Iterator[Replay]:
        with runtime(definition, activities=self._activities) as rt:
            replay = Replay(rt, workflow, execution_id, history)
            try:
                yield replay
            finally:
                replay.close()


def _divergence(replay: Replay, execution_id: str) -> Divergence | None:
    """Replay; return the first event that differs, if one does."""
    difference = replay.run()
    if difference is None:
        return None
    recorded, got = difference
    return Divergence(
        execution_id,
        recorded.seq,
        recorded.address,
        described(recorded.event),
        got if isinstance(got, str) else described(got),
        getattr(got, "place", None) or replay.place(recorded.address),
    )


def _rows(
    log: EventLog, workflow: str, execution_id: str | None
) -> Iterator[StreamRow]:
    if execution_id is not None:
        row = log.find(EXECUTION, execution_id)
        if row is not None and row.type == workflow:
            yield row
        return
    before = None
    while True:
        rows = log.rows(EXECUTION, type=workflow, before=before, limit=PAGE)
        yield from rows
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
