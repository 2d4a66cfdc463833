"""What the directory does for children: it finds them, starts them, lets them go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import define

from actorflow.errors import ExecutionExistsError, OwnedError
from actorflow.log.port import EXECUTION, StreamRow
from actorflow.model import events as ev
from actorflow.model.state import ENDED
from actorflow.runtime.beginnings import Beginnings
from actorflow.runtime.messages import Command
from actorflow.runtime.replay import fold
from actorflow.runtime.run import Run, end_data
from actorflow.runtime.starting import Start

logger = logging.getLogger(__name__)

NOW_AND_THEN = 10.0
"""Seconds between looks for parents that nobody has woken."""
SOON = 1.0
"""Seconds until a child that another process holds is looked at again."""


class Answer:
    """Takes the directory's answer like a future, and hands it on as a message."""

    def __init__(self, tell: Callable[[Exception | None], Any]) -> None:
        self._tell = tell
        self.done = False

    def set(self, value: Any = None) -> None:  # noqa: ARG002 - a future's signature
        """It is so."""
        self.done = True
        self._tell(None)

    def set_exception(self, error: Exception) -> None:
        """It is not so, because of *error*."""
        self.done = True
        self._tell(error)


@define(eq=False)
class EnsureChild:
    """See to it that a child runs, or tell its parent how it has ended.

    Attributes:
        start: how to start it; its reply is given when the child is there.
        seen: seq of the last end that the parent knows; a newer one is news.
        run: the parent.
    """

    start: Start
    seen: int
    run: Run

    @property
    def reply(self) -> Any:
        """Who waits for the child to be there."""
        return self.start.reply


class Children(Beginnings):
    """Finds what executions have started, starts it, and lets it go on."""

    _parents_after = 0.0

    def _on_ensurechild(self, message: EnsureChild) -> None:
        start = message.start
        known = self._runs.get(start.id)
        at_work = known is not None and known[0].state.outcome is None
        row = None if at_work else self._log.find(EXECUTION, start.id)
        if row is None:
            self._on_start(start)
        elif row.parent != message.run.id:
            start.reply.set_exception(ExecutionExistsError(start.id))
        elif row.status in ENDED:
            self._child_has_ended(message, row)
        else:
            if row.status == "running" and row.owner is None:
                # Its definition may have become known just now.
                self._wake_child(row.name)
            start.reply.set(start.id)

    def _wake_child(self, name: str) -> None:
        if name not in self._runs and name not in self._loading:
            self._load(name, [Command("wake", {})])

    def _wake_parents(self) -> None:
        """Let nodes replay that alone know the definitions of what they started."""
        self._parents_after = self._services.clock.monotonic() + NOW_AND_THEN
        for name in self._log.parents(EXECUTION, list(self._definitions)):
            row = self._log.find(EXECUTION, name)
            known = row is not None and row.type in self._definitions
            if row is not None and known and row.status not in ENDED:
                self._wake_child(name)

    def _child_has_ended(self, message: EnsureChild, row: StreamRow) -> None:
        last = next(iter(self._log.read(row.id, after=row.head - 1)))
        event = last.event
        by_parent = isinstance(event, ev.ExecutionCancelled) and event.by_parent
        if row.head > message.seen and not by_parent:
            undoable = isinstance(event, ev.ExecutionCompleted) and bool(
                fold(self._log, row.id).compensations
            )
            end = end_data(self._services.codec, row.name, last, undoable=undoable)
            link = message.start.parent or {}
            told = {"address": link["address"], "end": end}
            self._route(message.run.id, Command("child_ended", told))
            return
        again = {"after": row.head, "started": message.start.facts()}
        answer = Answer(lambda error: self._gone_on(message, error))
        self._route(row.name, Command("go_on", again, None, answer))

    def _gone_on(self, message: EnsureChild, error: Exception | None) -> None:
        reply = message.start.reply
        if isinstance(error, OwnedError):
            self._later(message, SOON)
        elif error is not None:
            reply.set_exception(error)
        else:
            reply.set(message.start.id)

    def _follow_up(self, execution_id: str, command: Command) -> None:
        """Start what follows an execution that has ended; then that is done."""
        name = command.data["workflow"]
        workflow = self._definitions.get(name)
        if workflow is None:
            self._inbox_foreign.add(execution_id)
            return
        state = self._services.codec.to_data(dict(workflow.state), path="state")
        answer = Answer(partial(self._followed, execution_id, command))
        given, wanted = command.data["inputs"], command.data["id"]
        start = Start(workflow, wanted, given, state, {}, "use_existing", answer)
        start.follows = execution_id
        self._on_start(start)

    def _followed(
        self, execution_id: str, command: Command, error: Exception | None
    ) -> None:
        if error is not None:
            name = command.data["id"]
            logger.error("%s cannot follow %s: %s", name, execution_id, error)
        self._drop_from_inbox(execution_id, command)
