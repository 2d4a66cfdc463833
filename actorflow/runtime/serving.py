"""Updates and queries: what callers ask of an execution's nodes, and are told.

A caller waits here until a node can take what it asks. An update is then validated and,
if accepted, recorded: it is the end of a wait of the node's handler. What comes of it
is told when it is durable. A query looks at a node, and nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from actorflow.errors import (
    ActorflowError,
    ExecutionEndedError,
    HandlerNotFoundError,
    QueryFailed,
    ReadOnlyError,
    UpdateFailed,
    UpdateRejected,
)
from actorflow.model import events as ev
from actorflow.model.addresses import parent_of
from actorflow.model.events import Data, Failure
from actorflow.model.parts import Activation, Update
from actorflow.model.state import ExecutionState

if TYPE_CHECKING:
    from actorflow.runtime.messages import Command
    from actorflow.runtime.nodehandlers import Handlers
    from actorflow.runtime.run import Run


class Answer(NamedTuple):
    """What an update or a query gave."""

    data: Data


class Posted(NamedTuple):
    """An update was left for another process, when the log had events up to *head*."""

    head: int


class Serving:
    """Who asks something of one execution, and the nodes that answer."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._waiting: list[Command] = []
        self._accepted: dict[tuple[str, str], list[Command]] = {}
        self._nodes: dict[str, Handlers] = {}
        self._on_its_way = ""

    # -- what the execution's actor does -----------------------------------------------

    def take(self, command: Command) -> None:
        """Let *command* wait for its node."""
        self._waiting.append(command)

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for a node."""
        return bool(self._waiting)

    @property
    def awaited(self) -> bool:
        """Whether somebody here waits, so that the execution must stay in memory."""
        accepted = (c for commands in self._accepted.values() for c in commands)
        return any(not c.withdrawn for c in (*self._waiting, *accepted))

    def settle(self) -> None:
        """Serve everybody who can be served now, or be refused."""
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            serve = self._query if command.name == "query" else self._update
            if not command.withdrawn and not serve(command):
                self._waiting.append(command)
        if self._run.state.outcome is not None:
            self._refuse_accepted(self._ended())

    def give_up(self) -> None:
        """Tell everybody that the execution is not in memory any more."""
        gone = f"execution {self._run.id!r} has just been given up here; ask again"
        for command in self._waiting:
            if command.reply is not None:
                command.reply.set_exception(ActorflowError(gone))
        self._waiting = []
        for commands in self._accepted.values():
            for command in commands:
                if command.reply is not None:
                    command.reply.set_exception(ActorflowError(gone))
        self._accepted = {}

    # -- what nodes tell ---------------------------------------------------------------

    def enter(self, handlers: Handlers) -> None:
        """These handlers may be asked."""
        self._nodes[handlers.node] = handlers

    def leave(self, node: str) -> None:
        """The actor of *node* has stopped; what it was to answer, it may not."""
        if self._nodes.pop(node, None) is None:
            return
        if self._is_gone(node):
            for name, key in self._unanswered(node):
                self.answered(name, key, None, _GONE)

    def _is_gone(self, node: str) -> bool:
        activation = self._run.state.activations.get(node)
        return activation is None or activation.phase == "failed"

    def drop(self, node: str, failure: Failure) -> None:
        """The node begins anew, and what it had accepted fails with its *failure*."""
        for name, key in self._unanswered(node):
            answered = ev.UpdateAnswered(name, key, error=failure)
            self._run.record_one(node, answered)
            self.answered(name, key, None, failure)

    def _unanswered(self, node: str) -> list[tuple[str, str]]:
        return [
            asked
            for asked, update in self._run.state.updates.items()
            if update.node == node and not update.answered
        ]

    def answered(self, name: str, key: str, data: Data, error: Failure | None) -> None:
        """Tell those who asked what came of it, when that is durable."""
        for command in self._accepted.pop((name, key), ()):
            self._tell(command, data, error)

    # -- updates -----------------------------------------------------------------------

    def _update(self, command: Command) -> bool:
        """Serve, or refuse, an update; return whether that was possible."""
        state, data = self._run.state, command.data
        known = state.updates.get((data["name"], data["key"]))
        if known is not None:
            self._join(command, known)
            return True
        if state.outcome is not None:
            self._refuse(command, self._ended())
            return True
        for address in state.listening.get(data["name"], ()):
            handlers = self._nodes.get(parent_of(address))
            if handlers is None or data["name"] not in handlers.updates:
                continue
            if self._is_ready(handlers) and not state.is_halted(address):
                self._offer(command, address, handlers)
                return True
        there = {name for each in self._nodes.values() for name in each.updates}
        expected = data["name"] in state.listening or data["name"] in there
        if expected or self._is_unsettled:
            return False
        what = f"the update {data['name']!r}"
        self._refuse(command, HandlerNotFoundError(self._run.id, what, sorted(there)))
        return True

    def _join(self, command: Command, known: Update) -> None:
        """It was asked before: there is one answer."""
        if command.inbox is not None:
            self._run.consume(command.inbox)
        name, key = command.data["name"], command.data["key"]
        if known.answered:
            self._tell(command, known.result, known.error)
        elif self._is_gone(known.node):
            self._tell(command, None, _GONE)
        elif command.reply is not None:
            self._accepted.setdefault((name, key), []).append(command)

    def _offer(self, command: Command, address: str, handlers: Handlers) -> None:
        name, key = command.data["name"], command.data["key"]
        value = command.data.get("value")
        try:
            handlers.validate(name, value)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is a user's code
            self._refuse(command, UpdateRejected(self._run.id, name, _said(error)))
            return
        ordinal = self._run.state.waits[address].ordinal
        keyed = command.data.get("keyed", False)
        accepted = {"value": value, "key": key, "keyed": keyed}
        self._run.record_one(address, ev.WaitEnded(ordinal, answer=accepted))
        self._run.settle(address)
        if command.inbox is not None:
            self._run.consume(command.inbox)
        else:
            self._accepted[name, key] = [command]

    def _is_ready(self, handlers: Handlers) -> bool:
        return self._has_rested(handlers.node) and not handlers.at_work

    def _has_rested(self, node: str) -> bool:
        ref = self._run.actors.get(node)
        return ref is not None and bool(getattr(ref.actor, "has_rested", False))

    @property
    def _is_unsettled(self) -> bool:
        """Whether a node may be about to say that it answers something."""
        state = self._run.state
        if any(branch.owes for branch in state.branches.values()):
            return True
        latest = state.activations.get(self._on_its_way)
        if latest is None or not self._may_still_come(latest):
            coming = filter(self._may_still_come, state.activations.values())
            latest = next(coming, None)
        # Looked at again and again while somebody waits, and there may be many others.
        self._on_its_way = latest.address if latest is not None else ""
        return latest is not None

    def _may_still_come(self, activation: Activation) -> bool:
        if activation.kind == "dynamic" and not self._has_rested(activation.address):
            return activation.phase in ("running", "backoff")
        return activation.phase == "running" and (
            activation.owes and activation.kind != "activity"
        )

    # -- queries -----------------------------------------------------------------------

    def _query(self, command: Command) -> bool:
        """Answer, or refuse, a query; return whether that was possible."""
        name, address = command.data["name"], command.data.get("address")
        if self._run.state.outcome is not None:
            self._refuse(command, self._ended())
            return True
        found = [
            handlers
            for node, handlers in self._nodes.items()
            if name in handlers.queries and address in (None, node)
        ]
        if len(found) == 1 and self._is_ready(found[0]):
            self._look(command, found[0])
            return True
        if self._is_unsettled or len(found) == 1:
            return False
        if found:
            nodes = ", ".join(sorted(handlers.node for handlers in found))
            problem = f"several nodes answer it; name one by `address=`: {nodes}"
            self._refuse(command, QueryFailed(self._run.id, name, problem))
            return True
        there = {name for each in self._nodes.values() for name in each.queries}
        what = f"the query {name!r}" + (f" at {address}" if address else "")
        self._refuse(command, HandlerNotFoundError(self._run.id, what, sorted(there)))
        return True

    def _look(self, command: Command, handlers: Handlers) -> None:
        name, args = command.data["name"], command.data["args"]
        try:
            data = handlers.look(name, args)
        except ReadOnlyError as error:
            self._refuse(command, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is a user's code
            self._refuse(command, QueryFailed(self._run.id, name, _said(error)))
        else:
            self._tell(command, data, None)

    # -- replies -----------------------------------------------------------------------

    def _ended(self) -> ExecutionEndedError:
        return ExecutionEndedError(self._run.id, self._run.state.outcome or "running")

    def _refuse_accepted(self, error: Exception) -> None:
        accepted, self._accepted = self._accepted, {}
        for commands in accepted.values():
            for command in commands:
                self._refuse(command, error)

    def _refuse(self, command: Command, error: Exception) -> None:
        """Tell why not; a caller in another process reads it in the log."""
        if command.inbox is not None:
            self._run.consume(command.inbox)
            if self._run.state.outcome is None:
                name, key = command.data["name"], command.data["key"]
                reason = getattr(error, "reason", str(error))
                self._run.record_one("", ev.UpdateRejected(name, key, reason))
        elif command.reply is not None:
            refuse = command.reply.set_exception
            self._run.after_durable(refuse, error, otherwise=refuse)

    def _tell(self, command: Command, data: Data, error: Failure | None) -> None:
        if command.reply is None:
            return  # its caller reads the log
        refuse = command.reply.set_exception
        if error is None:
            self._run.after_durable(command.reply.set, Answer(data), otherwise=refuse)
        else:
            failed = UpdateFailed(self._run.id, command.data["name"], error)
            self._run.after_durable(refuse, failed, otherwise=refuse)


_GONE = Failure("ended", "the node that had accepted it has ended")


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def answers(
    events: Iterator[ev.Recorded], execution_id: str, name: str, key: str
) -> Iterator[Answer]:
    """Yield the answer to an update, if it is among *events*.

    Raises:
        UpdateRejected: it was refused.
        UpdateFailed: its handler failed.
    """
    for recorded in events:
        event = recorded.event
        if not isinstance(event, ev.UpdateAnswered | ev.UpdateRejected):
            continue
        if (event.name, event.key) != (name, key):
            continue
        if isinstance(event, ev.UpdateRejected):
            raise UpdateRejected(execution_id, name, event.reason)
        yield _answer(event, execution_id, name)


def kept_in(
    state: ExecutionState, execution_id: str, name: str, key: str
) -> Answer | None:
    """Return the answer that was given before to an update with that key, if any.

    Raises:
        UpdateFailed: its handler had failed.
    """
    update = state.updates.get((name, key))
    if update is None or not update.answered:
        return None
    return _answer(update, execution_id, name)


def _answer(
    answered: ev.UpdateAnswered | Update, execution_id: str, name: str
) -> Answer:
    if answered.error is not None:
        raise UpdateFailed(execution_id, name, answered.error)
    return Answer(answered.result)
