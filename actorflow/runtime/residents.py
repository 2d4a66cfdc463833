"""The executions that a runtime has in memory, and how they come and go.

One that is told something is loaded from the log, one that rests long enough leaves;
its stream brings it back. What a process may not run is left to those that may.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.errors import (
    ExecutionEndedError,
    ExecutionNotFoundError,
    MissingTagsError,
    OwnedError,
    UnknownDefinitionError,
)
from actorflow.log.port import EXECUTION, EventLog, Stream, StreamRow, Write
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure
from actorflow.model.state import ENDED, ExecutionState
from actorflow.runtime.commands import INTERNAL
from actorflow.runtime.errands import (
    Changed,
    Crashed,
    Fetch,
    Loaded,
    Lost,
    Route,
    Sweep,
    Unload,
)
from actorflow.runtime.execution import ExecutionActor
from actorflow.runtime.inbox import Inbox
from actorflow.runtime.intake import Intake, Look
from actorflow.runtime.messages import Command
from actorflow.runtime.replay import fold
from actorflow.runtime.run import Run
from actorflow.runtime.services import Services
from actorflow.runtime.serving import Posted
from actorflow.runtime.starting import is_compatible, mismatch

logger = logging.getLogger(__name__)

BREATH = 0.001
"""Seconds after which something is looked at again that is about to change."""

MAX_CRASHES = 3

RESTING = ("suspended", "paused", "queued")

FAMILY = ("child_ended", "parent_closed", "parent_paused", "follow_up")
"""Commands among parents and children, which may well come too late."""


class Residents(PooledActor):
    """Brings commands to executions, which it loads for that.

    Args:
        passivate_after: seconds that an execution rests in memory.
        max_resting: how many may rest there.
    """

    _intake: Intake

    def __init__(
        self,
        services: Services,
        log: EventLog,
        definitions: Mapping[str, Workflow],
        *,
        passivate_after: float,
        max_resting: int,
    ) -> None:
        super().__init__()
        self._services = services
        self._log = log
        self._definitions = definitions
        self._passivate_after = passivate_after
        self._max_resting = max_resting
        self._sweeping = False
        self._runs: dict[str, tuple[Run, PooledRef[Any]]] = {}
        self._loading: dict[str, list[Command]] = {}
        self._resting: dict[str, float] = {}
        self._inbox = Inbox(log, EXECUTION)
        self._inbox_foreign: set[str] = set()
        self._crashes: dict[str, int] = {}

    # -- commands ----------------------------------------------------------------------

    def _on_route(self, message: Route) -> None:
        self._route(message.id, message.command)

    def _route(self, execution_id: str, command: Command) -> None:
        """Bring *command* to its execution, which is loaded if it is not here."""
        known = self._runs.get(execution_id)
        if known is not None:
            known[0].inbound += 1
            if command.reply is not None:
                command.again = partial(self._route_again, execution_id)
                command.routed += 1
            known[1].put(command)
        elif execution_id in self._loading:
            self._loading[execution_id].append(command)
        else:
            self._load(execution_id, [command])

    def _route_again(self, execution_id: str, command: Command) -> None:
        """Bring a command, which was on its way, to where the execution is by now."""
        self.actor_ref.put(Route(execution_id, command))

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
            write = Write(stream_of(row), consumed=[command.inbox])
            self._services.writer.append(write)

    # -- coming ------------------------------------------------------------------------

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
                self._route(message.id, command)
            return
        stream, workflow, state = message.result
        run = Run(self._services, stream, workflow, state)
        self._enter(run)
        self._check_parent(run)
        for command in commands:
            self._route(run.id, command)
        if run.id in self._crashes:
            # What waited behind the defect is in the inbox still.
            self._inbox.tell_again(run.id, but=[each.inbox for each in commands])
            self.actor_ref.put(Fetch())
        if state.queued is not None:
            self._later(Unload(run), BREATH)

    def _enter(self, run: Run) -> None:
        """Give a run its actor."""
        stale = self._runs.get(run.id)
        if stale is not None:  # other processes have had it since, and are gone
            self._leave(stale[0])
            self._inbox.tell_again(run.id)
        self._services.writer.watch(run.stream, self._tell_lost)
        run.spawn(ExecutionActor, "")
        self._runs[run.id] = (run, run.actors[""])

    def _tell_lost(self, stream: Stream | None, error: Exception) -> None:
        if stream is not None:
            self.actor_ref.put(Lost(stream, error))

    def _check_parent(self, run: Run) -> None:
        """End an execution whose parent ended while it could not be told."""
        link = run.state.origin
        if link is None or run.state.outcome is not None:
            return
        if run.id != link.get("child", run.id):
            return  # a fork of a child is nobody's child
        row = self._log.find(EXECUTION, link["execution"])
        if row is not None and row.status in ("failed", "cancelled"):
            told = {"reason": None, "compensate": row.status == "failed"}
            self._route(run.id, Command("parent_closed", told))

    def _on_unload(self, message: Unload) -> None:
        run = message.run
        if self._runs.get(run.id, (None,))[0] is not run or run.state.queued is None:
            return
        if run.inbound:
            self._later(message, BREATH)
        else:
            self._passivate(run.id)

    # -- going -------------------------------------------------------------------------

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

    def _leave(self, run: Run) -> None:
        run.flush()
        run.stop()
        self._services.writer.unwatch(run.stream)
        self._runs.pop(run.id, None)
        self._resting.pop(run.id, None)

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

    # -- time and answers --------------------------------------------------------------

    def _now(self) -> float:
        return self._services.clock.time()

    def _later(self, message: Any, seconds: float) -> None:
        self._services.timers.after(seconds, self.actor_ref.put, message)

    def _reply(self, reply: Any, value: Any) -> None:
        """Answer when all before is durable, or say why it never will be."""
        refuse = reply.set_exception
        self._services.writer.then(
            (reply.set, value), on_lost=lambda _, error: refuse(error)
        )


def stream_of(row: StreamRow) -> Stream:
    """Return the stream of a row, as its owner holds it."""
    hold = Stream(row.kind, row.name, row.type, row.id, row.head, row.epoch)
    hold.parent = row.parent
    return hold
