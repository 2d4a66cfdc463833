"""What can have happened to a schedule, its state, and what it starts at a tick.

A tick is a time that the cron line names, in seconds since the epoch. An execution that
a tick starts is named after it, so a tick starts one execution, whoever comes to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

BUFFER = 1_000
"""How many ticks `buffer_all` keeps at most."""
OVERLAPS = ("skip", "buffer_one", "buffer_all", "cancel_other", "allow_all")
CATCH_UPS = ("none", "one", "all")


@frozen
class ScheduleSet:
    """The schedule came to be, or was changed; ticks count from here.

    Attributes:
        overlap: what a tick does while what an earlier one started still runs.
        catch_up: which of the ticks are made up for that nobody was there for.
        window: seconds after which a tick is too old to be made up for.
    """

    workflow: str
    cron: str
    timezone: str = "UTC"
    inputs: dict[str, Any] = field(factory=dict)
    overlap: str = "skip"
    catch_up: str = "one"
    window: float = 86400.0
    attributes: dict[str, Any] = field(factory=dict)
    priority: int = 0
    tags: list[str] = field(factory=list)


@frozen
class SchedulePaused:
    """Somebody stopped the schedule; ticks pass without effect."""

    reason: str | None = None


@frozen
class ScheduleResumed:
    """The schedule goes on; ticks that passed meanwhile are not made up for."""


@frozen
class ScheduleDeleted:
    """The schedule is no more; what it started goes on."""


@frozen
class ScheduleTicked:
    """Every tick up to *until* is settled.

    Attributes:
        started: those whose executions were put into the queue, in the same commit.
        buffered: those that wait for what runs to end, this event's own included.
        skipped: those that were let pass because something ran.
        ended: those whose executions have been found ended.
    """

    until: float
    started: list[float] = field(factory=list)
    buffered: list[float] = field(factory=list)
    skipped: list[float] = field(factory=list)
    ended: list[float] = field(factory=list)


ScheduleEvent = (
    ScheduleSet | SchedulePaused | ScheduleResumed | ScheduleDeleted | ScheduleTicked
)


@define
class ScheduleState:
    """A schedule after the events applied to it.

    Attributes:
        plan: what was set last; None if it was deleted since.
        since: ticks up to here are settled.
        running: ticks whose executions have not been found ended.
        buffer: ticks that wait for those to end.
        last: the last tick that started something.
    """

    version: int = 0
    plan: ScheduleSet | None = None
    paused: bool = False
    reason: str | None = None
    since: float = 0.0
    running: list[float] = field(factory=list)
    buffer: list[float] = field(factory=list)
    last: float | None = None

    @property
    def status(self) -> str:
        """`deleted`, `paused`, `buffering` (something waits for an end), `active`."""
        if self.plan is None:
            return "deleted"
        if self.paused:
            return "paused"
        return "buffering" if self.buffer else "active"

    def apply(self, event: ScheduleEvent, at: float) -> None:
        """Take in one event that happened *at* a time."""
        self.version += 1
        match event:
            case ScheduleSet():
                self.plan, self.since = event, at
            case SchedulePaused(reason=reason):
                self.paused, self.reason = True, reason
                self.buffer = []
            case ScheduleResumed():
                self.paused, self.reason, self.since = False, None, at
            case ScheduleDeleted():
                self.plan, self.paused, self.buffer = None, False, []
            case ScheduleTicked():
                ended = {*event.ended}
                self.running = [t for t in self.running if t not in ended]
                self.running += event.started
                self.buffer = list(event.buffered)
                self.since = max(self.since, event.until)
                self.last = max([*event.started, self.last or 0.0]) or None


def tick(
    state: ScheduleState, due: Sequence[float], until: float, ended: Iterable[float]
) -> ScheduleTicked:
    """Return what happens when ticks are *due*, and executions have *ended*."""
    assert state.plan is not None
    over, gone = state.plan.overlap, list(ended)
    busy = any(each not in gone for each in state.running)
    started: list[float] = []
    skipped: list[float] = []
    buffer = list(state.buffer)
    if buffer and not busy:
        started.append(buffer.pop(0))
        busy = True
    if over == "cancel_other" and due:
        skipped += [*buffer, *due[:-1]]
        buffer, due = [], due[-1:]
    room = {"buffer_all": BUFFER, "skip": 0}.get(over, 1)
    for each in due:
        if over == "allow_all" or not busy:
            started.append(each)
            busy = True
        elif len(buffer) < room:
            buffer.append(each)
        else:
            skipped.append(each)
    return ScheduleTicked(until, started, buffer, skipped, gone)


def execution_of(name: str, at: float) -> str:
    """Return the id of the execution that a tick starts."""
    moment = datetime.fromtimestamp(at, UTC)
    precision = "seconds" if moment.microsecond == 0 else "microseconds"
    stamp = moment.replace(tzinfo=None).isoformat(timespec=precision)
    return f"{name}@{stamp}Z"
