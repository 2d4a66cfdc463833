"""How executions begin: started, put into the queue, or forked, each id once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actorflow.errors import (
    DefinitionMismatch,
    ExecutionError,
    ExecutionExistsError,
    ExecutionNotFoundError,
    StreamExistsError,
    UnknownDefinitionError,
)
from actorflow.log.port import EXECUTION, EventLog, Stream, StreamRow, Write
from actorflow.model.definition import Workflow
from actorflow.model.events import Recorded
from actorflow.runtime.errands import Fork, Submit
from actorflow.runtime.forking import past_of
from actorflow.runtime.intake import Look
from actorflow.runtime.messages import Command
from actorflow.runtime.residents import Residents
from actorflow.runtime.run import Run
from actorflow.runtime.services import Services
from actorflow.runtime.starting import Start, is_compatible, mismatch, queue_summary


class Beginnings(Residents):
    """Starts executions, and finds those that were started before."""

    def __init__(
        self,
        services: Services,
        log: EventLog,
        definitions: Mapping[str, Workflow],
        **settings: Any,
    ) -> None:
        super().__init__(services, log, definitions, **settings)
        self._starting: dict[Stream, list[Start | Fork]] = {}

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
        run.record(*start.facts())
        run.after_durable(self._created, start)
        run.commit()
        self._enter(run)

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
        try:
            row, workflow = self._forked(fork)
        except (ExecutionError, DefinitionMismatch, UnknownDefinitionError) as error:
            fork.reply.set_exception(error)
            return
        past, state = past_of(self._log, row.id, fork.at, self._now())
        run = Run(self._services, Stream(EXECUTION, fork.id, row.type), workflow, state)
        self._starting[run.stream] = [fork]
        run.adopt(past)
        run.after_durable(self._created, fork)
        run.commit()
        self._enter(run)

    def _forked(self, fork: Fork) -> tuple[StreamRow, Workflow]:
        row = self._log.find(EXECUTION, fork.source)
        if row is None:
            raise ExecutionNotFoundError(fork.source)
        if fork.id in self._runs or fork.id in self._loading:
            raise ExecutionExistsError(fork.id)
        return row, self._definition_of(row)

    def _created(self, start: Start | Fork) -> None:
        known = self._runs.get(start.id)
        if known is not None:
            self._starting.pop(known[0].stream, None)
        start.reply.set(start.id)
        if isinstance(start, Start) and start.wanted and not start.wanted():
            self._unwanted(start)

    def _unwanted(self, start: Start) -> None:
        """Its parent gave the child up while its beginning became durable."""
        told = {"reason": None, "compensate": True}
        self._route(start.id, Command("parent_closed", told))

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
            facts = start.facts()
            command = Command("restart", {"started": facts}, None, start.reply)
            self._route(start.id, command)
        elif start.on_conflict == "fail":
            start.reply.set_exception(ExecutionExistsError(start.id))
        else:
            self._reply(start.reply, start.id)
