"""Schedules in the log: a change is one claim and one commit, by whoever is first.

Nobody owns a schedule between two ticks. What a tick starts is put into the queue in
the commit that records the tick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from attrs import asdict, frozen

from actorflow.errors import LogError, ScheduleNotFoundError, StreamExistsError
from actorflow.log.port import (
    EXECUTION,
    EventLog,
    Snapshot,
    Stream,
    StreamRow,
    Summary,
    Write,
)
from actorflow.model import events as ev
from actorflow.model import schedules as model
from actorflow.model.events import Recorded
from actorflow.model.schedules import ScheduleEvent, ScheduleState, execution_of
from actorflow.model.state import ENDED
from actorflow.runtime.cron import Cron
from actorflow.runtime.starting import queue_summary

KIND = "schedule"
FORMAT = "schedule:1"
SNAPSHOT_EVERY = 50
PAGE = 100
"""Ticks that are settled in one commit at most."""
PUNCTUAL = 30.0
"""Seconds a tick may come late without anything having to be made up for."""


@frozen
class Fired:
    """What came of a look at a schedule: executions started, others to be cancelled.

    *changed* is whether anything was recorded.
    """

    started: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()
    changed: bool = False


class ScheduleBook:
    """All schedules of a log.  Its methods run between two commits of the writer."""

    def __init__(self, log: EventLog, clock: Callable[[], float]) -> None:
        self._log, self._clock = log, clock
        self.held: set[str] = set()
        """Schedules that could not be let go of: nobody else sees that they are due."""

    def set(self, name: str, plan: model.ScheduleSet) -> None:
        """Create a schedule, or change it; one that is set so already is left alone."""
        row = self._log.find(KIND, name)
        if row is None:
            self._record(Stream(KIND, name, KIND), ScheduleState(), plan)
        elif self.state(row).plan != plan:
            with self._claimed(name) as (stream, state):
                self._record(stream, state, plan)

    def change(self, name: str, event: ScheduleEvent) -> None:
        """Record that a schedule was paused, resumed or deleted.

        Raises:
            ScheduleNotFoundError: there is none.
        """
        self.there(name)
        with self._claimed(name) as (stream, state):
            self._record(stream, state, event)

    def trigger(self, name: str) -> str:
        """Start an execution now, whatever runs; return its id."""
        self.there(name)
        now = round(self._clock(), 6)
        with self._claimed(name) as (stream, state):
            ticked = model.ScheduleTicked(state.since, [now], list(state.buffer))
            self._record(stream, state, ticked)
        return execution_of(name, now)

    def fire(self, name: str) -> Fired:
        """Settle what is due, and start what was buffered if that may run now."""
        row = self._log.find(KIND, name)
        if row is None or row.status not in ("active", "buffering"):
            return Fired()
        with self._claimed(name) as (stream, state):
            due, until = self._due(state)
            ended = [
                at for at in state.running if self._has_ended(execution_of(name, at))
            ]
            event = model.tick(state, due, until, ended)
            news = until != state.since or event.buffered != state.buffer
            self._record(stream, state, event if news else None)
        cancel = state.plan and state.plan.overlap == "cancel_other" and state.buffer
        return Fired(
            tuple(execution_of(name, at) for at in event.started),
            tuple(execution_of(name, at) for at in state.running) if cancel else (),
            changed=news,
        )

    def rows(self) -> list[StreamRow]:
        """Return the rows of all schedules that are not deleted, newest first."""
        found: list[StreamRow] = []
        for status in ("active", "paused", "buffering"):
            page: Sequence[StreamRow] = ()
            while page == () or len(page) == PAGE:
                last = (page[-1].created_at, page[-1].id) if page else None
                page = self._log.rows(KIND, status=status, before=last, limit=PAGE)
                found += page
        return sorted(found, key=lambda row: row.id, reverse=True)

    def state(self, row: StreamRow) -> ScheduleState:
        """Return the state of a schedule, from its last snapshot on."""
        snapshot = self._log.snapshot(row.id)
        state = ScheduleState()
        if snapshot is not None and snapshot.format == FORMAT:
            state = _restored(snapshot)
        for recorded in self._log.read(row.id, after=state.version):
            state.apply(recorded.event, recorded.time)
        return state

    def there(self, name: str) -> StreamRow:
        """Return the row of a schedule.

        Raises:
            ScheduleNotFoundError: there is none, or it was deleted.
        """
        row = self._log.find(KIND, name)
        if row is None or row.status == "deleted":
            raise ScheduleNotFoundError(name)
        return row

    def _has_ended(self, execution_id: str) -> bool:
        row = self._log.find(EXECUTION, execution_id)
        return row is None or row.status in ENDED

    @contextmanager
    def _claimed(self, name: str) -> Iterator[tuple[Stream, ScheduleState]]:
        """Hold a schedule, until something is recorded or it is given up."""
        self.held.discard(name)  # and it stays so if it is another's by now
        stream = self._log.claim(KIND, name)
        self.held.add(name)
        try:
            row = self._log.find(KIND, name)
            assert row is not None
            yield stream, self.state(row)
        except LogError:
            raise  # there is no letting go now; the next look is a new claim
        except BaseException:
            self._log.write([Write(stream, release=True)])
            self.held.discard(name)
            raise
        self.held.discard(name)

    def _due(self, state: ScheduleState) -> tuple[list[float], float]:
        """Return the ticks to settle now, and up to when that settles them."""
        plan, now = state.plan, self._clock()
        assert plan is not None
        cron = Cron(plan.cron, plan.timezone)
        if plan.catch_up == "all":
            first = max(state.since, now - plan.window - PUNCTUAL)
            due = list(islice(cron.between(first, now), PAGE))
            return due, due[-1] if due else state.since
        latest = cron.latest(now)
        if latest is None or latest <= state.since:
            return [], state.since
        late = 0.0 if plan.catch_up == "none" else plan.window
        return [latest] if now - latest <= late + PUNCTUAL else [], now

    def _record(
        self, stream: Stream, state: ScheduleState, event: ScheduleEvent | None
    ) -> None:
        """Record *event*, and put what it starts into the queue; let go of the hold."""
        now = round(self._clock(), 6)
        recorded = []
        if event is not None:
            stream.head += 1
            recorded.append(Recorded(stream.head, now, "", event))
            state.apply(event, now)
        write = Write(
            stream,
            recorded,
            Summary(state.status, _next_tick(state)),
            snapshot=_snapshot(state) if recorded else None,
            create=stream.id is None,
            release=True,
        )
        ticks = getattr(event, "started", ())
        starts = [self._start(stream.name, state, at, now) for at in ticks]
        self._log.write([write, *starts])
        if write.error is not None:
            raise write.error
        for each in starts:
            # An execution of that name is the one that this tick has started before.
            if each.error and not isinstance(each.error, StreamExistsError):
                raise each.error

    def _start(self, name: str, state: ScheduleState, at: float, now: float) -> Write:
        plan, id_ = state.plan, execution_of(name, at)
        assert plan is not None
        told = {"schedule": name, "scheduled_at": id_.rpartition("@")[2]}
        queued = ev.ExecutionQueued(
            plan.workflow,
            plan.inputs,
            {**plan.attributes, **told},
            plan.priority,
            plan.tags,
        )
        return Write(
            Stream(EXECUTION, id_, plan.workflow, head=1),
            [Recorded(1, now, "", queued)],
            queue_summary(queued, now),
            create=True,
            release=True,
        )


def _next_tick(state: ScheduleState) -> float | None:
    plan = state.plan
    if plan is None or state.paused:
        return None
    return next(Cron(plan.cron, plan.timezone).after(state.since), None)


def _snapshot(state: ScheduleState) -> Snapshot | None:
    if state.version % SNAPSHOT_EVERY:
        return None
    return Snapshot(state.version, FORMAT, asdict(state))


def _restored(snapshot: Snapshot) -> ScheduleState:
    data: dict[str, Any] = dict(snapshot.data)
    plan = data.pop("plan")
    return ScheduleState(plan=plan and model.ScheduleSet(**plan), **data)
