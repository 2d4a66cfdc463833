"""The actor that knows which executions are in memory.

It starts them, loads them from the log when they are needed, lets them go when they
rest, wakes them when their time has come, and carries commands to them, from this
process and (through the inbox) from others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.errors import (
    DefinitionMismatch,
    ExecutionEndedError,
    ExecutionExistsError,
    ExecutionNotFoundError,
    FencedError,
    LogDamagedError,
    LogError,
    MissingTagsError,
    OwnedError,
    RuntimeClosedError,
    StreamExistsError,
    UnknownDefinitionError,
    UnrecordableError,
)
from actorflow.log.port import EXECUTION, EventLog, Stream, StreamRow, Write
from actorflow.model import events as ev
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure, Recorded
from actorflow.model.fold import apply
from actorflow.model.rules import Fact
from actorflow.model.state import ENDED, ExecutionState
from actorflow.model.turns import whole
from actorflow.runtime.children import Children
from actorflow.runtime.commands import INTERNAL
from actorflow.runtime.errands import (
    Changed,
    Crashed,
    Delete,
    Fetch,
    Fork,
    Hold,
    Learn,
    Loaded,
    Lost,
    More,
    Poll,
    Ready,
    Renew,
    Retell,
    Route,
    Submit,
    Sweep,
    Unload,
)
from actorflow.runtime.execution import ExecutionActor
from actorflow.runtime.inbox import Inbox
from actorflow.runtime.intake import Claimed, Intake, Look, Recovered, Wake
from actorflow.runtime.messages import Command
from actorflow.runtime.replay import fold
from actorflow.runtime.run import Run
from actorflow.runtime.services import Services
from actorflow.runtime.serving import Posted
from actorflow.runtime.starting import (
    Start,
    is_compatible,
    mismatch,
    queue_summary,
    start_facts,
)
from actorflow.runtime.worker import Worker

logger = logging.getLogger(__name__)


POLL = 0.04
"""Seconds between looks at what other processes may have written."""


BREATH = 0.001
"""Seconds after which something is looked at again that is about to change."""


RELIEF = 5.0
"""Seconds until what the log has refused is tried again."""


MAX_CRASHES = 3


RESTING = ("suspended", "paused", "queued")


FAMILY = ("child_ended", "parent_closed", "parent_paused", "follow_up")
"""Commands among parents and children, which may well come too late."""


class Directory(Children, PooledActor):
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
        super().__init__()
        self._services = services
        self._log = log
        self._definitions = definitions
        self._passivate_after = passivate_after
        self._max_resting = max_resting
        self._renew_every = renew_every
        self._shared = shared
        self._sweeping = False
        self._runs: dict[str, tuple[Run, PooledRef[Any]]] = {}
        self._loading: dict[str, list[Command]] = {}
        self._starting: dict[Stream, list[Start | Fork]] = {}
        self._resting: dict[str, float] = {}
        self._inbox = Inbox(log, EXECUTION)
        self._log_fails = False
        self._inbox_foreign: set[str] = set()
        self._parents_after = 0.0
        self._crashes: dict[str, int] = {}
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

    def _reply(self, reply: Any, value: Any) -> None:
        """Answer when all before is durable, or say why it never will be."""
        refuse = reply.set_exception
        self._services.writer.then(
            (reply.set, value), on_lost=lambda _, error: refuse(error)
        )

    # -- starting ----------------------------------------------------------------------

    def _on_start(self, start: Start) -> None:
        if start.wanted is not None and not start.wanted():
            return
        known = self._runs.get(start.id)
        if known is not None:
            state = known[0].state
            self._found(start, known[0].workflow.name, state.fingerprint or None)
            return
        if start.id in self._loading:
            self._find(start)
            return
        parent = start.parent["execution"] if start.parent else start.follows
        stream = Stream(EXECUTION, start.id, start.workflow.name, parent=parent)
        run = Run(self._services, stream, start.workflow)
        self._starting[stream] = [start]
        run.record(*_start_facts(start))
        run.after_durable(self._created, start)
        run.commit()
        self._enter(run)

    _begin = _on_start

    @staticmethod
    def _facts_of(start: Start) -> list[Fact]:
        return _start_facts(start)

    def _fold(self, row: StreamRow) -> ExecutionState:
        return fold(self._log, row.id)

    def _route(self, execution_id: str, command: Command) -> None:
        self._on_route(Route(execution_id, command))

    def _on_submit(self, submit: Submit) -> None:
        if submit.id in self._runs or submit.id in self._loading:
            self._find_submitted(submit)
            return
        stream, now = Stream(EXECUTION, submit.id, submit.queued.workflow), self._now()
        stream.head = 1
        write = Write(
            stream,
            [Recorded(1, now, "", submit.queued)],
            queue_summary(submit.queued, now),
            create=True,
            release=True,
        )

        def refused(_: Stream | None, error: Exception) -> None:
            if isinstance(error, StreamExistsError):
                self._find_submitted(submit)
            else:
                submit.reply.set_exception(error)

        self._services.writer.append(
            write,
            (submit.reply.set, submit.id),
            (self.actor_ref.put, Look()),
            on_lost=refused,
        )

    def _find_submitted(self, submit: Submit) -> None:
        row = self._log.find(EXECUTION, submit.id)
        name = submit.queued.workflow
        known = self._runs.get(submit.id)
        there = known[0].workflow.name if known else row and row.type
        if submit.on_conflict == "fail":
            submit.reply.set_exception(ExecutionExistsError(submit.id))
        elif there != name:
            error = DefinitionMismatch(submit.id, repr(there), repr(name))
            submit.reply.set_exception(error)
        else:
            self._reply(submit.reply, submit.id)

    def _on_fork(self, fork: Fork) -> None:
        row = self._log.find(EXECUTION, fork.source)
        if row is None:
            raise ExecutionNotFoundError(fork.source)
        if fork.id in self._runs or fork.id in self._loading:
            raise ExecutionExistsError(fork.id)
        workflow = self._definition_of(row)
        past = whole(self._log.read(row.id), fork.at)
        state = ExecutionState()
        for recorded in past:
            apply(state, recorded)
        run = Run(self._services, Stream(EXECUTION, fork.id, row.type), workflow, state)
        self._starting[run.stream] = [fork]
        run.adopt(past)
        if state.timeout is not None and state.outcome is None:
            until = round(self._services.clock.time() + state.timeout, 6)
            run.record(("", ev.DeadlineSet(until)))
        run.after_durable(self._created, fork)
        run.commit()
        self._enter(run)

    def _created(self, start: Start | Fork) -> None:
        known = self._runs.get(start.id)
        if known is not None:
            self._starting.pop(known[0].stream, None)
        start.reply.set(start.id)
        if isinstance(start, Start) and start.wanted and not start.wanted():
            self._unwanted(start)

    def _find(self, start: Start) -> None:
        row = self._log.find(EXECUTION, start.id)
        if row is None:
            start.reply.set_exception(ExecutionNotFoundError(start.id))
        else:
            self._found(start, row.type, row.fingerprint)

    def _found(self, start: Start, workflow: str, fingerprint: str | None) -> None:
        """Do what the caller wants if the id is taken."""
        if start.on_conflict != "fail" and not is_compatible(
            start.workflow, workflow, fingerprint
        ):
            error = mismatch(start.id, start.workflow, workflow, fingerprint)
            start.reply.set_exception(error)
        elif start.on_conflict == "restart":
            facts = _start_facts(start)
            command = Command("restart", {"started": facts}, None, start.reply)
            self._on_route(Route(start.id, command))
        elif start.on_conflict == "fail":
            start.reply.set_exception(ExecutionExistsError(start.id))
        else:
            self._reply(start.reply, start.id)

    # -- in memory ---------------------------------------------------------------------

    def _enter(self, run: Run) -> None:
        """Give a run its actor."""
        stale = self._runs.get(run.id)
        if stale is not None:  # other processes have had it since, and are gone
            self._leave(stale[0])
            self._inbox.tell_again(run.id)
        self._services.writer.watch(run.stream, self._tell_lost)
        run.spawn(ExecutionActor, "")
        self._runs[run.id] = (run, run.actors[""])

    def _leave(self, run: Run) -> None:
        run.flush()
        run.stop()
        self._services.writer.unwatch(run.stream)
        self._runs.pop(run.id, None)
        self._resting.pop(run.id, None)

    def _tell_lost(self, stream: Stream | None, error: Exception) -> None:
        if stream is not None:
            self.actor_ref.put(Lost(stream, error))

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

    def _on_changed(self, message: Changed) -> None:
        run, status = message.run, message.status
        if status in ENDED and "schedule" in run.state.attributes:
            self._services.nudge()
        if status in ENDED and run.state.outcome is not None:
            if self._runs.get(run.id, (None,))[0] is run and not run.inbound:
                self._leave(run)
                self._release(run.stream)
        elif status in RESTING and run.state.status in RESTING:
            self._resting[run.id] = self._services.clock.monotonic()
            self._sweep_later()
            surplus = max(0, len(self._resting) - self._max_resting)
            for each in list(islice(self._resting, surplus)):
                self._passivate(each)
        else:
            self._resting.pop(run.id, None)
            return
        self._intake.look()

    def _passivate(self, execution_id: str) -> None:
        """Let a resting execution leave memory; its stream brings it back."""
        self._resting.pop(execution_id, None)
        known = self._runs.get(execution_id)
        if known is None:
            return
        run = known[0]
        if run.inbound or run.away or run.state.status not in RESTING:
            return
        if run.serving is not None and run.serving.awaited:
            self._resting[run.id] = self._services.clock.monotonic()
            return
        self._leave(run)
        self._release(run.stream, (self.actor_ref.put, Look()))
        wake_at = run.state.wake_at
        if wake_at is not None:
            self._intake.set_wake(wake_at)

    def _release(self, stream: Stream, *effects: tuple[Any, ...]) -> None:
        self._services.writer.append(Write(stream, release=True), *effects)

    def _sweep_later(self) -> None:
        if self._resting and not self._sweeping:
            self._sweeping = True
            self._later(Sweep(), self._passivate_after / 2)

    def _on_sweep(self, _: Sweep) -> None:
        self._sweeping = False
        limit = self._services.clock.monotonic() - self._passivate_after
        for execution_id, since in list(self._resting.items()):
            if since > limit:
                break
            self._passivate(execution_id)
        self._sweep_later()

    # -- loading -----------------------------------------------------------------------

    def _on_route(self, message: Route) -> None:
        execution_id, command = message.id, message.command
        known = self._runs.get(execution_id)
        if known is not None:
            known[0].inbound += 1
            known[1].put(command)
        elif execution_id in self._loading:
            self._loading[execution_id].append(command)
        else:
            self._load(execution_id, [command])

    def _load(self, execution_id: str, commands: list[Command]) -> None:
        self._loading[execution_id] = commands
        names = [command.name for command in commands]
        self._services.writer.call(
            lambda: self._claim_and_fold(execution_id, names),
            lambda result, error: self.actor_ref.put(
                Loaded(execution_id, result, error, len(names))
            ),
        )

    def _claim_and_fold(
        self, execution_id: str, names: Sequence[str]
    ) -> tuple[Stream, Workflow, ExecutionState]:
        """Claim an execution and replay it.  Runs between two commits."""
        row = self._log.find(EXECUTION, execution_id)
        if row is None:
            raise ExecutionNotFoundError(execution_id)
        again = {"retry", "restart", "go_on", "compensate"} & set(names)
        if row.status == "cancelled" and "cancel" in names:
            again = {"cancel"}
        if row.status in ENDED and not again:
            raise ExecutionEndedError(execution_id, row.status)
        workflow = self._definition_of(row)
        if not self._intake.reach().has(row.tags):
            raise MissingTagsError(execution_id, row.tags)
        stream = self._log.claim(EXECUTION, execution_id)
        return stream, workflow, fold(self._log, row.id)

    def _definition_of(self, row: StreamRow) -> Workflow:
        workflow = self._definitions.get(row.type)
        if workflow is None:
            raise UnknownDefinitionError(row.name, row.type)
        if not is_compatible(workflow, row.type, row.fingerprint):
            raise mismatch(row.name, workflow, row.type, row.fingerprint)
        return workflow

    def _on_loaded(self, message: Loaded) -> None:
        commands = self._loading.pop(message.id, [])
        if message.error is not None:
            for command in commands[: message.known]:
                self._could_not(message.id, command, message.error)
            for command in commands[message.known :]:
                self._on_route(Route(message.id, command))
            return
        stream, workflow, state = message.result
        run = Run(self._services, stream, workflow, state)
        self._enter(run)
        self._check_parent(run)
        for command in commands:
            self._on_route(Route(run.id, command))
        if state.queued is not None:
            self._later(Unload(run), BREATH)

    def _on_unload(self, message: Unload) -> None:
        run = message.run
        if self._runs.get(run.id, (None,))[0] is not run or run.state.queued is None:
            return
        if run.inbound:
            self._later(message, BREATH)
        else:
            self._passivate(run.id)

    def _could_not(self, execution_id: str, command: Command, error: Exception) -> None:
        """Leave the command to whoever can run the execution, or refuse it."""
        kept_here = command.name in {*INTERNAL, "query"}
        elsewhere = isinstance(
            error, OwnedError | UnknownDefinitionError | MissingTagsError
        )
        if elsewhere and command.inbox is None and not kept_here:
            try:
                posted = self._post(execution_id, command)
            except Exception as refused:  # noqa: BLE001
                error = refused
            else:
                if command.reply is not None:
                    command.reply.set(posted)
                return
        if elsewhere and command.inbox is not None:
            self._inbox_foreign.add(execution_id)
        if not elsewhere and command.name == "wake":
            self._intake.cannot_wake(execution_id)
        if command.reply is not None:
            command.reply.set_exception(error)
        elif command.inbox is not None and isinstance(error, ExecutionEndedError):
            self._drop_from_inbox(execution_id, command)
        elif not elsewhere and command.name != "wake":
            logger.warning("%s to %s: %s", command.name, execution_id, error)

    def _post(self, execution_id: str, command: Command) -> Posted | None:
        """Leave a command to another process; what it answers is in its log."""
        row = self._log.find(EXECUTION, execution_id)
        self._log.post(EXECUTION, execution_id, command.name, command.data)
        return Posted(row.head) if row and command.name == "update" else None

    def _drop_from_inbox(self, execution_id: str, command: Command) -> None:
        if command.name not in FAMILY:
            name = command.name
            logger.warning("%r came after the end of %s", name, execution_id)
        row = self._log.find(EXECUTION, execution_id)
        if row is not None and command.inbox is not None:
            write = Write(_stream_of(row), consumed=[command.inbox])
            self._services.writer.append(write)

    # -- recovery ----------------------------------------------------------------------

    def _on_recovered(self, message: Recovered) -> None:
        for row in message.rows or []:
            self._take_over(row)
        for row in self._intake.recovered(message):
            self._release(_stream_of(row))

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
        run = Run(self._services, _stream_of(row), workflow, state)
        self._enter(run)
        self._check_parent(run)
        return run

    def _on_look(self, _: Look) -> None:
        self._intake.look()

    def _on_claimed(self, message: Claimed) -> None:
        """Start what came out of the queue."""
        for row in self._intake.claimed(message):
            if self._take_over(row) is not None:
                self._on_route(Route(row.name, Command("begin", {})))

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
                EXECUTION, names, reason=message.reason, unless=FAMILY
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

    def _on_crashed(self, message: Crashed) -> None:
        """Throw away what ran ahead and rebuild it from the log; not for ever."""
        run, error = message.run, message.error
        if self._runs.get(run.id, (None,))[0] is not run:
            return
        logger.error("execution %s: defect in the engine", run.id, exc_info=error)
        self._leave(run)
        self._crashes[run.id] = self._crashes.get(run.id, 0) + 1
        if self._crashes[run.id] < MAX_CRASHES:
            self._load(run.id, [Command("wake", {})])
            return
        failure = Failure(type="engine", message=f"{type(error).__name__}: {error}")
        self._load(run.id, [Command("give_up", {"failure": failure})])

    # -- time and other processes ------------------------------------------------------

    def _on_wake(self, _: Wake) -> None:
        for row in self._intake.due():
            if row.name not in self._loading:
                self._load(row.name, [Command("wake", {})])

    def _tell_later(self, message: Any) -> None:
        self.actor_ref.put(message)

    def _now(self) -> float:
        return self._services.clock.time()

    def _later(self, message: Any, seconds: float) -> None:
        self._services.timers.after(seconds, self.actor_ref.put, message)

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
        return [s for s in held if self._is_taken(s)] if self._log.renew() else []

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
                self._on_route(Route(execution_id, command))
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


def _stream_of(row: StreamRow) -> Stream:
    hold = Stream(row.kind, row.name, row.type, row.id, row.head, row.epoch)
    hold.parent = row.parent
    return hold


def _start_facts(start: Start) -> list[Fact]:
    return start_facts(
        start.workflow,
        start.inputs,
        start.variables,
        start.attributes,
        parent=start.parent,
        timeout=start.timeout,
        follows=start.follows,
        on_complete=start.on_complete,
    )
