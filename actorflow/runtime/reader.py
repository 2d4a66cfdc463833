"""What can be known of executions: everything of a runtime that only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from attrs import evolve

from actorflow.errors import EventNotFoundError, ExecutionNotFoundError, LogError
from actorflow.log.codec import Codec
from actorflow.log.port import EXECUTION, EventLog, Filters, StreamRow
from actorflow.model import events as ev
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure, Recorded
from actorflow.model.journal import Journal, Occurrence
from actorflow.model.misfits import several
from actorflow.model.state import ENDED, ExecutionState
from actorflow.model.timeline import Timeline
from actorflow.runtime.checkpoint import Checkpoint, checkpoint_of
from actorflow.runtime.handle import RESTING, ExecutionResult, OpenQuestion, Suspension
from actorflow.runtime.listed import ExecutionInfo
from actorflow.runtime.replay import fold
from actorflow.runtime.settings import check_settings
from actorflow.runtime.typed import typed

STATUSES = ("queued", "running", "suspended", "paused", *ENDED)


@typed(but=("check", "row", "events_page", "result_of", "is_due", "is_moving"))
class Reader:
    """Looks into a log; a `Runtime` is one.

    Attributes:
        log: what is read.
        codec: brings values back.
        clock: tells which waits are over.
        definitions: those of which executions can go on here, by name.
    """

    log: EventLog
    codec: Codec
    clock: Any
    definitions: Mapping[str, Workflow]

    def check(self) -> None:
        """Raise if nothing can be known any more."""
        raise NotImplementedError

    def list(
        self,
        *,
        workflow: str | None = None,
        before: ExecutionInfo | None = None,
        limit: int = 100,
        **filters: Unpack[Filters],
    ) -> list[ExecutionInfo]:
        """Return executions, newest first, that match every filter.

        Args:
            workflow: the name of the definition.
            before: the last of the previous page.
            limit: executions a page at most.
            filters: ``status``, one or several; ``where``, search attributes that must
                be equal; ``parent``, the execution they are children of; ``since`` and
                ``until``, when they were created (seconds since the epoch, the second
                exclusive); ``quiet_since``, after when nothing has happened to them.
        """
        cursor = None if before is None else (before.created_at, before.stream)
        self.check()
        wanted: Filters = {**filters, "type": workflow, "status": _statuses(filters)}
        rows = self.log.rows(EXECUTION, before=cursor, limit=limit, **wanted)
        return [ExecutionInfo.of(row) for row in rows]

    def count(self, *, workflow: str | None = None, **filters: Unpack[Filters]) -> int:
        """Return how many executions match every filter; the filters are `list`'s."""
        self.check()
        wanted: Filters = {**filters, "type": workflow, "status": _statuses(filters)}
        return self.log.count(EXECUTION, **wanted)

    def questions(self, execution_id: str | None = None) -> Sequence[OpenQuestion]:
        """Return open questions of all executions, or of one; the newest come first."""
        found: list[OpenQuestion] = []
        for row in self._unfinished():
            if execution_id in (None, row.id):
                found += _questions_of(row)
        return found

    def _unfinished(self) -> Iterator[ExecutionInfo]:
        last = None
        while True:
            page = self.list(
                status=("running", "suspended", "paused"), before=last, limit=500
            )
            yield from page
            if len(page) < 500:  # noqa: PLR2004 - the page above
                return
            last = page[-1]

    def timeline(self, execution_id: str) -> Timeline:
        """Return how far each step is, as the log tells it, in the order they began."""
        timeline = Timeline()
        for recorded in self.history(execution_id):
            timeline.take(recorded)
        return timeline

    def activity_log(self, execution_id: str) -> Iterator[Occurrence]:
        """Yield every try of an activity that has ended, in the order of the log."""
        journal = Journal(execution_id)
        bring = self.codec.from_data
        for recorded in self.history(execution_id):
            for what, of in journal.take(recorded):
                if of.kind == "activity" and what != "started":
                    given, result = bring(of.input), bring(of.result)
                    status = "failed" if what == "retries" else of.status
                    yield evolve(of, input=given, result=result, status=status)

    def history(
        self, execution_id: str, *, after: int = 0, until: int | None = None
    ) -> Iterator[Recorded]:
        """Return the durable events of an execution, in order."""
        return self.log.read(self.row(execution_id).id, after=after, until=until)

    def state(self, execution_id: str, *, at: int | None = None) -> Checkpoint:
        """Return the checkpoint after event *at*, by default after the last.

        Raises:
            EventNotFoundError: there is no event *at*.
        """
        row = self.row(execution_id)
        if at is not None:
            check_event(row, at)
        return checkpoint_of(execution_id, fold(self.log, row.id, at), self.codec)

    def row(self, execution_id: str) -> StreamRow:
        """Return what lists know of an execution.

        Raises:
            ExecutionNotFoundError: there is none.
        """
        try:
            row = self.log.find(EXECUTION, execution_id)
        except LogError:
            self.check()  # a log that this runtime has closed is no fault of the log
            raise
        if row is None:
            raise ExecutionNotFoundError(execution_id)
        return row

    def events_page(self, row: StreamRow, after: int, limit: int) -> Sequence[Recorded]:
        """Return the next *limit* durable events after *after*."""
        return [*self.log.read(row.id, after=after, until=after + limit)]

    def result_of(self, row: StreamRow) -> ExecutionResult:
        """Return how far the execution of *row* has come."""
        if row.status in ENDED:
            return self._ended_result(row)
        state = fold(self.log, row.id)
        return ExecutionResult(
            row.name,
            state.status,
            suspension=suspension_of(state, self._children_at_rest(row)),
            started_at=state.started_at,
        )

    def _children_at_rest(self, row: StreamRow) -> dict[str, Suspension]:
        found: dict[str, Suspension] = {}
        for child in self._awaited(row):
            rests = self.result_of(child).suspension if child else None
            if child is not None and rests is not None:
                found[child.name] = rests
        return found

    def _awaited(self, row: StreamRow) -> Iterator[StreamRow | None]:
        """Yield the children that the execution of *row* waits for."""
        for wait in row.waits:
            if wait["kind"] == "child":
                yield self.log.find(EXECUTION, wait["topic"])

    def _ended_result(self, row: StreamRow) -> ExecutionResult:
        last = next(iter(self.log.read(row.id, after=row.head - 1)))
        event, output, error = last.event, None, None
        if isinstance(event, ev.ExecutionCompleted):
            output = self.codec.from_data(event.output, path="output")
        elif isinstance(event, ev.ExecutionFailed):
            error = event.error
        elif isinstance(event, ev.ExecutionCancelled):
            error = Failure("cancelled", event.reason or "")
        return ExecutionResult(
            row.name,
            row.status,
            output,
            error,
            started_at=self._started_at(row),
            finished_at=last.time,
        )

    def _started_at(self, row: StreamRow) -> float:
        return next(iter(self.log.read(row.id, until=1))).time

    def is_due(self, row: StreamRow) -> bool:
        """Whether a resting execution is about to be woken here: its time has come."""
        due = row.wake_at is not None and row.wake_at <= self.clock.time()
        return due and row.status == "suspended" and row.type in self.definitions

    def is_moving(self, row: StreamRow) -> bool:
        """Whether a resting execution, or a child that it waits for, will go on."""
        if row.status != "suspended":
            return False
        if self.is_due(row):
            return True
        return any(
            child is None or child.status not in RESTING or self.is_moving(child)
            for child in self._awaited(row)
        )


def suspension_of(
    state: ExecutionState, children: Mapping[str, Suspension]
) -> Suspension | None:
    """Return why an execution rests, as do *children*; None if it does not."""
    reason = state.suspension_reason
    if reason is None:
        return None
    pending = dict(state.pending)
    topics = dict.fromkeys(w.topic for w in pending.values() if w.kind == "signal")
    branches = {
        branch.address: "paused"
        for branch in state.branches.values()
        if branch.status == "active" and state.is_paused(branch.address)
    }
    for address, wait in pending.items():
        branches.setdefault(address, wait.topic or wait.reason or wait.kind)
    wakes = [state.wake_at, *(child.wake_at for child in children.values())]
    return Suspension(
        reason,
        min((at for at in wakes if at is not None), default=None),
        tuple(t for t in topics if t),
        tuple(q for q, address in state.questions.items() if address in pending),
        branches,
        tuple(sorted(state.listening)),
        children,
    )


def _statuses(filters: Filters) -> list[str] | None:
    """Refuse a status that no execution ever has: nothing would be found."""
    given = filters.get("status")
    if given is None:
        return None
    wanted: Any = several([given] if isinstance(given, str) else given)
    fine = isinstance(wanted, tuple) and all(each in STATUSES for each in wanted)
    check_settings({"status": (given, fine, f"of {', '.join(STATUSES)}")})
    return [*wanted]


def _questions_of(listed: ExecutionInfo) -> list[OpenQuestion]:
    return [
        OpenQuestion(
            listed.id,
            wait["topic"],
            wait["reason"],
            wait.get("schema"),
            wait["address"],
        )
        for wait in listed.waits
        if wait["kind"] == "question"
    ]


def check_event(row: StreamRow, seq: int) -> None:
    """Refuse the number of an event that is not there."""
    if not 1 <= seq <= row.head:
        raise EventNotFoundError(row.name, seq, row.head)
