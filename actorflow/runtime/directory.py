"""The actor that everybody asks who wants something of an execution.

Which are in memory, how they begin, and what parents and children want of each other,
it knows from the classes below it. Its own part is the world around: it takes over what
dead processes left, wakes what is due, and looks at what others have written.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from actorflow.errors import (
    ExecutionExistsError,
    FencedError,
    LogDamagedError,
    LogError,
    RuntimeClosedError,
    StreamExistsError,
    UnrecordableError,
)
from actorflow.log.port import EXECUTION, EventLog, Stream, StreamRow
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure
from actorflow.runtime.children import Children
from actorflow.runtime.errands import (
    Delete,
    Fetch,
    Hold,
    Learn,
    Lost,
    More,
    Poll,
    Ready,
    Renew,
    Retell,
    Route,
)
from actorflow.runtime.intake import Claimed, Intake, Look, Recovered, Wake
from actorflow.runtime.messages import Command
from actorflow.runtime.replay import fold
from actorflow.runtime.residents import BREATH, FAMILY, stream_of
from actorflow.runtime.run import Run
from actorflow.runtime.services import Services
from actorflow.runtime.starting import Start
from actorflow.runtime.worker import Worker

logger = logging.getLogger(__name__)


POLL = 0.04
"""Seconds between looks at what other processes may have written."""


RELIEF = 5.0
"""Seconds until what the log has refused is tried again."""


class Directory(Children):
    """Executions by id; the only actor that loads and unloads them.

    Args:
        shared: other processes may use the log, so it must be watched.
        worker: how to take from the queue; None if nothing is.
    """

    def __init__(
        self,
        services: Services,
        log: EventLog,
        definitions: Mapping[str, Workflow],
        *,
        passivate_after: float,
        max_resting: int,
        renew_every: float,
        shared: bool,
        worker: Worker | None = None,
    ) -> None:
        super().__init__(
            services,
            log,
            definitions,
            passivate_after=passivate_after,
            max_resting=max_resting,
        )
        self._renew_every = renew_every
        self._shared = shared
        self._log_fails = False
        self._intake = Intake(
            services,
            log,
            definitions,
            tell=self._tell_later,
            running=self._count_running,
            worker=worker,
        )

    def on_start(self) -> None:
        """Take over what dead processes left running; then keep watch."""
        try:
            self._intake.tell_of_changed()
            self._intake.recover()
            self._look(afresh=True)
            self._intake.look()
            self._wake_parents()
        except LogDamagedError as error:
            self._services.writer.give_up(error)  # whoever asks for something is told
        if self._shared:
            self._later(Renew(), self._renew_every)
            self._later(Poll(), POLL)

    def on_stop(self) -> None:
        """Give back what is in memory; a process that dies does not come to this."""
        for run, _ in self._runs.values():
            run.release()

    def on_receive(self, message: Any) -> None:
        """One method per message."""
        if self._services.closing:
            _tell_failure(message, RuntimeClosedError("this runtime is closed"))
            return
        try:
            getattr(self, f"_on_{type(message).__name__.lower()}")(message)
        except LogDamagedError as error:
            self._services.writer.give_up(error)
            _tell_failure(message, error)
        except Exception as error:
            logger.exception("defect in the directory of executions")
            _tell_failure(message, error)

    def _on_ready(self, message: Ready) -> None:
        busy = self._loading or any(run.inbound for run, _ in self._runs.values())
        if busy:
            self._later(message, BREATH)
        else:
            self._services.collector.flush()
            self._reply(message.reply, None)

    def _on_lost(self, message: Lost) -> None:
        stream, error = message.stream, message.error
        known = self._runs.get(stream.name)
        if known is not None and known[0].stream is stream:
            self._leave(known[0])
            known[0].lost = error
        for start in self._starting.pop(stream, ()):
            if isinstance(error, StreamExistsError) and isinstance(start, Start):
                self._find(start)
            elif isinstance(error, StreamExistsError):
                start.reply.set_exception(ExecutionExistsError(start.id))
            else:
                start.reply.set_exception(error)
        if isinstance(error, UnrecordableError):
            # A value slipped through that cannot be written: a defect, and this end.
            failure = Failure(type="engine", message=str(error))
            self._load(stream.name, [Command("give_up", {"failure": failure})])
        elif not isinstance(error, StreamExistsError):
            logger.warning("execution %s is no longer run here: %s", stream.name, error)
        if isinstance(error, FencedError):
            # What the inbox had for it was not recorded, but may still be ours to do.
            self._on_retell(Retell(stream.name))
        elif not isinstance(error, StreamExistsError):
            self._later(Retell(stream.name), RELIEF)  # it may be refused for ever
        self._services.bells.ring_status(stream.name)

    def _on_retell(self, message: Retell) -> None:
        self._inbox.tell_again(message.id)
        self._look(posted=True)

    def _on_recovered(self, message: Recovered) -> None:
        for row in message.rows or []:
            self._take_over(row)
        for row in self._intake.recovered(message):
            self._release(stream_of(row))

    def _take_over(self, row: StreamRow) -> Run | None:
        known = self._runs.get(row.name)
        if row.name in self._loading or (known and known[0].stream.epoch > row.epoch):
            return None  # a command has brought it here already
        try:
            workflow = self._definition_of(row)
            state = fold(self._log, row.id)
        except Exception as error:  # noqa: BLE001 - one broken stream stops nobody else
            self._intake.cannot_resume(row, error)
            return None
        run = Run(self._services, stream_of(row), workflow, state)
        self._enter(run)
        self._check_parent(run)
        return run

    def _on_look(self, _: Look) -> None:
        self._intake.look()

    def _on_claimed(self, message: Claimed) -> None:
        """Start what came out of the queue."""
        for row in self._intake.claimed(message):
            if self._take_over(row) is not None:
                self._route(row.name, Command("begin", {}))

    def _count_running(self) -> int:
        """Return how many executions run here, or are about to."""
        return len(self._loading) + sum(
            run.state.status == "running"
            for name, (run, _) in self._runs.items()
            if name not in self._resting
        )

    def _on_delete(self, message: Delete) -> None:
        for name in message.names:
            known = self._runs.get(name)
            if known is not None and known[0].state.outcome is not None:
                self._leave(known[0])
        names = [
            each
            for each in message.names
            if each not in self._runs
            and each not in self._loading
            and not (message.spare and self._may_be_asked_for(each))
        ]
        self._services.writer.call(
            lambda: self._log.delete(
                EXECUTION,
                names,
                reason=message.reason,
                unless=FAMILY,
                quiet_since=message.quiet_since,
            ),
            message.reply.settle,
        )

    def _may_be_asked_for(self, name: str) -> bool:
        """Whether a parent may still want this child, and would begin it anew."""
        row = self._log.find(EXECUTION, name)
        if row is None or row.parent is None:
            return False
        above = self._log.find(EXECUTION, row.parent)
        return above is not None and above.status not in ("completed", "cancelled")

    def _on_hold(self, message: Hold) -> None:
        self._intake.closed = self._services.holding = True
        message.reply.set(None)

    # -- time and other processes ------------------------------------------------------

    def _on_wake(self, _: Wake) -> None:
        for row in self._intake.due():
            if row.name not in self._loading:
                self._load(row.name, [Command("wake", {})])

    def _tell_later(self, message: Any) -> None:
        self.actor_ref.put(message)

    def _on_renew(self, _: Renew) -> None:
        held = [run.stream for run, _ in self._runs.values()]
        self._services.writer.call(lambda: self._renew(held), self._renewed)
        self._intake.recover()
        self._intake.look()
        # Something may have come for executions whose process has died since.
        self._look(afresh=True)
        if self._services.clock.monotonic() >= self._parents_after:
            self._wake_parents()
        if self._shared:
            self._later(Renew(), self._renew_every)

    def _renew(self, held: Sequence[Stream]) -> list[Stream]:
        """Extend the lease; return what others took when it had run out.

        Runs between two commits.
        """
        if not self._log.renew():
            return []
        self._services.late()
        return [stream for stream in held if self._is_taken(stream)]

    def _is_taken(self, stream: Stream) -> bool:
        row = self._log.find(EXECUTION, stream.name) if stream.id is not None else None
        return row is not None and row.epoch != stream.epoch

    def _renewed(self, taken: Sequence[Stream] | None, error: Exception | None) -> None:
        for stream in taken or ():
            # It would notice when it writes; until then it would answer from memory.
            stream.lost = FencedError(stream.name, stream.epoch)
            self.actor_ref.put(Lost(stream, stream.lost))
        if isinstance(error, LogDamagedError):
            self._services.writer.give_up(error)
        elif error is not None:
            logger.warning("cannot renew the lease: %s", error)

    def _on_poll(self, _: Poll) -> None:
        self._look()
        if self._shared:
            self._later(Poll(), POLL)

    def _on_fetch(self, _: Fetch) -> None:
        self._services.fetching = False
        self._look(posted=True)

    def _on_learn(self, _: Learn) -> None:
        while self._inbox_foreign:
            self._inbox.tell_again(self._inbox_foreign.pop())
        self._intake.recover()
        self._look(afresh=True)
        self._wake_parents()

    def _look(self, *, afresh: bool = False, posted: bool = False) -> None:
        """Take in what others have written; a log that fails is told once."""
        try:
            changed = self._log.changed()
            if changed or afresh or posted:
                self._read_inbox(afresh=afresh)
            if changed:
                self._intake.look()
                self._services.nudge()
                self._services.bells.ring_all()
        except Exception as error:
            if isinstance(error, LogDamagedError):
                self._services.writer.give_up(error)
            if not self._log_fails:
                traced = not isinstance(error, LogError)
                logger.log(
                    logging.ERROR,
                    "cannot look at the inbox: %s",
                    error,
                    exc_info=traced,
                )
            self._log_fails = True
        else:
            self._log_fails = False

    def _read_inbox(self, *, afresh: bool = False) -> None:
        if afresh:
            self._inbox.restart()
        for execution_id, command in self._inbox.page():
            if command.name == "follow_up":
                self._follow_up(execution_id, command)
            else:
                self._route(execution_id, command)
        self._intake.schedule_wake()
        if self._inbox.more:
            # The next page when these are durable: a flood waits in the log.
            self._services.writer.call(
                lambda: None, lambda *_: self.actor_ref.put(More())
            )

    def _on_more(self, _: More) -> None:
        self._read_inbox()


def _tell_failure(message: Any, error: Exception) -> None:
    """Let whoever waits for an answer to *message* know that none will come."""
    reply = getattr(message, "reply", None)
    if reply is None and isinstance(message, Route):
        reply = message.command.reply
    if reply is not None and not reply.done:
        reply.set_exception(error)
