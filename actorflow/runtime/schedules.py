"""Schedules: what users do with them, and the actor that keeps them going."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any, TypeVar

from attrs import define

from actorflow.actors.future import PooledFuture
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem
from actorflow.actors.writer import LogWriter
from actorflow.errors import (
    LogError,
    LogUnavailableError,
    OwnedError,
    StreamExistsError,
)
from actorflow.log.codec import Codec
from actorflow.log.port import EventLog, Reach
from actorflow.model import schedules as model
from actorflow.model.schedules import execution_of
from actorflow.runtime.errands import Route
from actorflow.runtime.intake import Look
from actorflow.runtime.messages import Command
from actorflow.runtime.schedule import Schedule, ScheduleInfo
from actorflow.runtime.schedulebook import KIND, Fired, ScheduleBook
from actorflow.runtime.services import Services
from actorflow.runtime.typed import typed

logger = logging.getLogger(__name__)

PAGE = 100
REACH = Reach({KIND: ()})
RELIEF = 5.0
"""Seconds to leave schedules alone after one could not be kept."""
TRIES, PAUSE = 100, 0.02
"""How often, and after how many seconds, to ask for one that is being changed."""
T = TypeVar("T")


@typed()
class Schedules:
    """The schedules of a log: `Runtime.schedules`.

    They belong to the log, not to a runtime: any worker that has it open keeps them.
    """

    def __init__(
        self,
        book: ScheduleBook,
        writer: LogWriter,
        system: ActorSystem,
        codec: Codec,
        *,
        checked: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any],
        nudge: Callable[[], object],
    ) -> None:
        self._book, self._writer, self._system = book, writer, system
        self._codec, self._checked, self._nudge = codec, checked, nudge

    def add(self, schedule: Schedule) -> None:
        """Create a schedule, or change the one of that name; return when it is durable.

        One that is the same already is left as it is: what it has missed it makes up
        for. A changed one counts its ticks from now.

        Raises:
            InputError: the inputs do not fit the workflow, if that is known here.
        """
        name, inputs = self._checked(schedule.workflow, (), dict(schedule.inputs))
        to_data = self._codec.to_data
        plan = model.ScheduleSet(
            name,
            schedule.cron,
            schedule.timezone,
            to_data(inputs, path="inputs"),
            schedule.overlap,
            schedule.catch_up,
            float(schedule.catch_up_window),
            to_data(dict(schedule.attributes), path="attributes"),
            schedule.priority,
            sorted(set(schedule.tags)),
        )
        self._do(partial(self._book.set, schedule.name, plan))

    def list(self) -> list[ScheduleInfo]:
        """Return all schedules, the newest first."""
        return [self._info(row) for row in self._book.rows()]

    def get(self, name: str) -> ScheduleInfo:
        """Return how a schedule is now.

        Raises:
            ScheduleNotFoundError: there is none.
        """
        return self._info(self._book.there(name))

    def pause(self, name: str, *, reason: str | None = None) -> None:
        """Let ticks pass without effect; what runs goes on, what waited is dropped."""
        self._do(partial(self._book.change, name, model.SchedulePaused(reason)))

    def resume(self, name: str) -> None:
        """Go on with the next tick; those that have passed are not made up for."""
        self._do(partial(self._book.change, name, model.ScheduleResumed()))

    def delete(self, name: str) -> None:
        """End a schedule; what it has started goes on."""
        self._do(partial(self._book.change, name, model.ScheduleDeleted()))

    def trigger(self, name: str) -> str:
        """Start an execution now, whatever the cron line says; return its id."""
        return self._do(partial(self._book.trigger, name))

    def _info(self, row: Any) -> ScheduleInfo:
        state = self._book.state(row)
        plan = state.plan
        assert plan is not None
        return ScheduleInfo(
            row.name,
            plan.workflow,
            plan.cron,
            plan.timezone,
            plan.overlap,
            plan.catch_up,
            "paused" if state.paused else "active",
            state.reason,
            row.wake_at,
            state.last,
            tuple(execution_of(row.name, at) for at in state.running),
            len(state.buffer),
        )

    def _do(self, change: Callable[[], T]) -> T:
        """Do it between two commits; wait for whoever is about the same schedule."""
        pause, left = Event(), TRIES
        while True:
            done: PooledFuture[T] = PooledFuture()
            self._writer.call(change, done.settle)
            left -= 1
            try:
                result = self._system.wait(done)
            except (OwnedError, StreamExistsError, LogUnavailableError):
                if not left or self._writer.failed is not None:
                    raise
                pause.wait(PAUSE)
            else:
                self._nudge()
                return result


@define(eq=False)
class Nudge:
    """Something may have changed: a schedule, or an execution that one waits for."""


@define(eq=False)
class Due:
    """Settle what is due."""


@define(eq=False)
class Done:
    """A schedule was looked at."""

    name: str
    fired: Fired | None
    error: Exception | None


class ScheduleKeeper(PooledActor):
    """Sees to it that ticks have their effect.  Every worker has one.

    Args:
        tell: sends a message to the directory of executions.
    """

    def __init__(
        self,
        services: Services,
        log: EventLog,
        book: ScheduleBook,
        tell: Callable[[Any], object],
    ) -> None:
        super().__init__()
        self._services, self._log, self._book, self._tell = services, log, book, tell
        self._busy: set[str] = set()
        self._timer: Any = None
        self._relief = 0.0
        self._next: float | None = None

    def on_start(self) -> None:
        """Look what was missed."""
        self.on_receive(Nudge())

    def on_receive(self, message: Any) -> None:
        """Keep the schedules."""
        if self._services.closing:
            return
        try:
            if isinstance(message, Done):
                self._on_done(message)
            elif isinstance(message, Due):
                self._on_due()
            else:
                self._on_nudge()
        except LogError as error:
            logger.warning("cannot keep the schedules now: %s", error)
            self._relieve()
            self._set_timer_at(self._relief)
        except Exception:
            logger.exception("cannot keep the schedules")
            self._relieve()
            self._set_timer_at(self._relief)

    def _on_nudge(self) -> None:
        for row in self._log.rows(KIND, status="buffering", limit=PAGE):
            self._fire(row.name)
        self._set_timer()

    def _on_due(self) -> None:
        self._timer = None
        now = self._services.clock.time()
        due = self._log.due(KIND, REACH, now=now, limit=PAGE)
        for name in {*(row.name for row in due), *self._book.held}:
            self._fire(name)
        if not self._busy:
            if self._stands_still(changed=False):
                self._relieve()
            self._set_timer()

    def _fire(self, name: str) -> None:
        if name in self._busy:
            return
        self._busy.add(name)
        self._services.writer.call(
            lambda: self._book.fire(name),
            lambda fired, error: self._actor_ref.put(Done(name, fired, error)),
        )

    def _on_done(self, message: Done) -> None:
        self._busy.discard(message.name)
        error, fired = message.error, message.fired
        if error is not None and not isinstance(error, OwnedError):
            level = logging.WARNING if isinstance(error, LogError) else logging.ERROR
            logger.log(level, "cannot keep schedule %r now: %s", message.name, error)
            self._relieve()
        elif self._stands_still(changed=fired is not None and fired.changed):
            self._relieve()
        if fired is not None and fired.started:
            self._tell(Look())
        for execution_id in fired.cancel if fired else ():
            reason = f"schedule {message.name!r} starts another"
            self._tell(Route(execution_id, Command("cancel", {"reason": reason})))
        self._set_timer()

    def _stands_still(self, *, changed: bool) -> bool:
        """Whether what was due is due as before.

        Another process has it just now, or its row says what its events do not.
        """
        before, self._next = self._next, self._log.next_wake(KIND, REACH)
        if self._next is None or self._next > self._services.clock.time():
            return False
        return not changed or self._next == before

    def _relieve(self) -> None:
        self._relief = self._services.clock.time() + RELIEF

    def _set_timer(self) -> None:
        wake_at = self._log.next_wake(KIND, REACH)
        if self._book.held:
            wake_at = self._relief
        self._set_timer_at(None if wake_at is None else max(wake_at, self._relief))

    def _set_timer_at(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer = self._services.timers.at(at, self._actor_ref.put, Due())
