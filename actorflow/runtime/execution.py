"""The actor of one execution: its graph, and what the outside wants of it.

It owns the stream, supervises the branches, takes commands, and records the end. Start
reading here: `handle`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from actorflow.errors import (
    ActorflowError,
    AnswerError,
    BranchNotFoundError,
    ExecutionEndedError,
    InputError,
    NotRetryableError,
)
from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.addresses import UNDO
from actorflow.model.definition import node_kind
from actorflow.model.events import Failure
from actorflow.model.parts import Activation, Compensation
from actorflow.model.rules import Fact, Output, View
from actorflow.model.state import rests_alone
from actorflow.model.steps import BY_NAME, Step
from actorflow.runtime.alarm import Alarm
from actorflow.runtime.binding import NO_CALL, call_of
from actorflow.runtime.family import Family
from actorflow.runtime.messages import Answered, Command, Rang
from actorflow.runtime.run import Run
from actorflow.runtime.starting import begin_facts
from actorflow.runtime.work import SIGNAL, Work

logger = logging.getLogger(__name__)


_REPLAY_TIME, _PATIENCE = 0.005, 400
"""How often, and how many times, to look whether a question's node has replayed."""


_TIMEOUT = ("builtins:TimeoutError", "builtins:OSError")


def _replying(future: Any) -> Callable[[Exception | None], None]:
    """Return what settles *future*, or, without one, logs."""

    def reply(error: Exception | None) -> None:
        if future is None:
            if error is not None:
                logger.warning("%s", error)
        elif error is None:
            future.set(None)
        else:
            future.set_exception(error)

    return reply


class ExecutionActor(Family):
    """The root of everything an execution does."""

    def __init__(self, run: Run, address: str) -> None:
        super().__init__(run, address, run.workflow)
        self._patience = _PATIENCE
        self._alarm = Alarm(self)

    def on_start(self) -> None:
        """Begin, or go on where the log ends."""
        if self.run.state.outcome is None and self._was_interrupted():
            owner, epoch = self.run.services.owner, self.run.stream.epoch
            self.run.record(("", ev.ExecutionRecovered(owner, epoch)))
        self.wake_branches()
        for activation in list(self.run.state.activations.values()):
            if activation.is_told and activation.kind == "wait_signal":
                self._finish_told(activation)
        super().on_start()

    def handle(self, message: Any) -> None:
        """Take in what a branch or the outside wants; then see what follows."""
        if isinstance(message, Rang) and self._alarm.has_rung(message):
            self._time_is_over()
        if isinstance(message, Command):
            if message.name == "answer":
                self._answer_question(message)
            elif message.name in ("update", "query"):
                self.run.inbound -= 1
                self.run.to_serve().take(message)
            else:
                self._do(message)
            if self.run.state.outcome is not None:
                # It was brought back, or kept, for this command alone.
                run = self.run
                run.after_durable(run.services.changed, run, run.state.status)
        if self.run.state.queued is not None:
            return  # only commands concern it
        super().handle(message)
        if self.run.state.compensating is not None:
            self._compensate(self.run.state.compensating)
        if self.run.state.until is not None:
            self._alarm.watch(self.run.state)
        if self.run.naps is not None:
            self.run.naps.wake()
        if self.run.serving is not None:
            self.run.serving.settle()

    def _time_is_over(self) -> None:
        """Fail: the whole execution has taken too long."""
        state = self.run.state
        if state.outcome is None and state.compensating is None:
            within = f"not ended within {state.timeout:g} s"
            self.ended(Failure("timeout", within, _TIMEOUT, node=state.workflow))

    def on_stop(self) -> None:
        """Leave nobody waiting, and no timer behind."""
        self._alarm.stop()
        if self.run.naps is not None:
            self.run.naps.stop()
        if self.run.serving is not None:
            self.run.serving.give_up()

    def ended(self, end: Failure | Output) -> None:
        """Record the output or the failure; a failure undoes first what it can."""
        if isinstance(end, Output):
            self.run.record(("", ev.ExecutionCompleted(end.value)))
        elif self.run.state.compensations:
            self.run.record(("", ev.CompensationStarted(end)))
        else:
            self.run.record(("", ev.ExecutionFailed(end)))
        self.run.settle_all()

    # -- compensation ------------------------------------------------------------------

    def _compensate(self, why: ev.CompensationStarted) -> None:
        """Undo what has completed, the last first, one after the other; then end."""
        state = self.run.state
        if state.outcome is not None:
            return
        undoing = next((a for a in state.activations if a.startswith(UNDO)), None)
        if undoing is not None:
            if undoing not in self.run.actors:
                self._begin_undo(state.activations[undoing])
        elif state.busy_children or state.paused or self._children_in_flight():
            return  # what is in flight is finished, and may have to be undone as well
        elif state.compensations:
            self._undo(state.compensations[-1])
        elif why.error is not None:
            self.run.record(("", ev.ExecutionFailed(why.error)))
        else:
            cancelled = ev.ExecutionCancelled(why.reason, by_parent=why.by_parent)
            self.run.record(("", cancelled))

    def _children_in_flight(self) -> bool:
        """Whether children are still to end, as they were told to."""
        return any(
            activation.in_flight and activation.link and activation.link.attached
            for activation in self.run.state.children.values()
        )

    def _undo(self, last: Compensation) -> None:
        address = f"{UNDO}{len(self.run.state.compensations)}"
        if last.child is not None:
            self._undo_child(address, last)
            return
        services = self.run.services
        node = services.activities.undo(last.undo)
        view = View(last.inputs, {**last.variables, "result": last.result})
        data = services.expressions.arguments(node, BY_NAME, view)
        started = ev.ActivationStarted(
            node_kind(node), last.undo, step=last.address, input=data
        )
        self.run.record_one(address, started)
        self._begin_undo(self.run.state.activations[address])

    def _undo_child(self, address: str, last: Compensation) -> None:
        given = {"execution": last.child}
        started = ev.ActivationStarted(
            "undo_child", last.undo, step=last.address, input=given
        )
        self.run.record_one(address, started)
        self._begin_undo(self.run.state.activations[address])

    def _begin_undo(self, activation: Activation) -> None:
        if activation.kind == "undo_child":
            work = Work(None, NO_CALL, Step(activation.node, sleep=1))
            self.run.begin(activation.address, activation.kind, work)
            return
        node = self.run.services.activities.undo(activation.node)
        work = Work(
            node, call_of(activation.input), Step(activation.node, activity=node)
        )
        self.run.begin(activation.address, activation.kind, work)

    def _finish_told(self, wait: Activation) -> None:
        """What has come for a node that has failed is kept; others learn of it."""
        node = wait.parent
        failed = isinstance(node, Activation) and node.phase == "failed"
        if failed and rests_alone(wait):
            self.run.begin(wait.address, wait.kind, SIGNAL)

    def _was_interrupted(self) -> bool:
        return any(self.run.state.attempted())

    # -- commands from outside ---------------------------------------------------------

    def _do(self, command: Command) -> None:
        """Do what was asked; answer when it is durable, or say why not."""
        self.run.inbound -= 1
        if command.inbox is not None:
            self.run.consume(command.inbox)
        try:
            getattr(self, f"do_{command.name}")(**command.data)
        except Exception as error:
            if command.reply is not None:
                refuse = command.reply.set_exception
                self.run.after_durable(refuse, error, otherwise=refuse)
            elif not isinstance(error, ActorflowError):
                logger.exception("%r to %s failed", command.name, self.run.id)
            else:
                logger.warning("%r to %s: %s", command.name, self.run.id, error)
            return
        if command.reply is not None:
            refuse = command.reply.set_exception
            self.run.after_durable(command.reply.set, None, otherwise=refuse)

    def _must_be_open(self) -> None:
        outcome = self.run.state.outcome
        if outcome is not None:
            raise ExecutionEndedError(self.run.id, outcome)

    def do_signal(
        self, topic: str, payload: Any = None, key: str | None = None
    ) -> None:
        """Take in a signal; one whose key is known is ignored."""
        self._must_be_open()
        if key is not None and key in (self.run.state.signal_keys or ()):
            return
        received = ev.SignalReceived(topic, payload, key)
        self.run.answer(rules.signal(self.run.state, received))

    def _answer_question(self, command: Command) -> None:
        """Hand an answer to its question, which replies."""
        state, question = self.run.state, command.data["question"]
        address = state.questions.get(question, "")
        known = address and state.outcome is None and not state.is_lost(address)
        has_actor = known and self.run.rouse(address)
        if known and not has_actor and self._patience > 0:
            # Its node has not come that far in its replay; let it go on first.
            self._patience -= 1
            after = self.run.services.timers.after
            after(_REPLAY_TIME, self._actor_ref.put, command)
            return
        self._patience = _PATIENCE
        self.run.inbound -= 1
        reply = _replying(command.reply)
        if has_actor:
            value, by = command.data["value"], command.data.get("by")
            answered = Answered(question, value, by, reply, command.inbox)
            self.run.tell(address, answered)
            return
        if command.inbox is not None:
            self.run.consume(command.inbox)
        if state.outcome is not None:
            reply(ExecutionEndedError(self.run.id, state.outcome))
        else:
            pending = (q for q, at in state.questions.items() if not state.is_lost(at))
            there = ", ".join(pending) or "none"
            reply(AnswerError(question, f"no such open question; there are: {there}"))

    def do_pause(self, branch: str | None = None, reason: str | None = None) -> None:
        """Stop the execution or one branch at its next boundary."""
        self._must_be_open()
        self._must_exist(branch)
        state = self.run.state
        pause = state.paused if branch is None else state.paused_branches.get(branch)
        if pause is None or pause.reason != reason:
            self.run.record(("", ev.ExecutionPaused(branch, reason)))
            self.run.settle_all()
            self.pause_children()

    def do_resume(self, branch: str | None = None) -> None:
        """Let what was paused go on, and hand out what came meanwhile."""
        self._must_be_open()
        self._must_exist(branch)
        state = self.run.state
        if state.paused or state.paused_branches:
            self.run.record(("", ev.ExecutionResumed(branch)))
        for address, wait in list(state.waits.items()):
            inside = branch is None or address.partition("/")[0] == branch
            if wait.kind == "pause" and inside:
                self.run.record_one(address, ev.WaitEnded(wait.ordinal))
        self.run.answer(rules.answers(state))
        self.wake_branches()
        self.run.settle_all()
        self.pause_children()

    def _must_exist(self, branch: str | None) -> None:
        if branch is not None and branch not in self.run.state.scope.branches:
            raise BranchNotFoundError(self.run.id, branch)

    def do_cancel(self, reason: str | None = None, *, compensate: bool = False) -> None:
        """End here and now, or undo what has completed and end then."""
        if self.run.state.outcome == "cancelled":
            return
        self._must_be_open()
        self.cancel(reason, compensate=compensate)

    def cancel(
        self, reason: str | None, *, compensate: bool, by_parent: bool = False
    ) -> None:
        """End here and now, or undo what has completed and end then."""
        if compensate and self._can_be_undone():
            undone = ev.CompensationStarted(None, reason, by_parent=by_parent)
            self.run.record(("", undone))
        else:
            cancelled = ev.ExecutionCancelled(reason, by_parent=by_parent)
            self.run.record(("", cancelled))
        self.run.settle_all()

    def _can_be_undone(self) -> bool:
        """Whether there is, or may be, something to undo."""
        return bool(self.run.state.compensations) or self._children_in_flight()

    def do_retry(self) -> None:
        """Let what failed run again."""
        status = self.run.state.status
        if self.run.state.compensating is not None:
            status = f"{status} and compensated"
        if status in ("completed", "cancelled"):
            raise ExecutionEndedError(self.run.id, status)
        if status != "failed":
            raise NotRetryableError(self.run.id, status)
        self.run.record(("", ev.ExecutionRetried()))
        self.run.answer(rules.answers(self.run.state))
        self.wake_branches()

    def do_wake(self) -> None:
        """Do what is owed; being in memory is enough for that."""

    def do_begin(self) -> None:
        """Start what came out of the queue."""
        state, services = self.run.state, self.run.services
        if state.queued is None or state.status != "queued":
            return
        try:
            facts = begin_facts(self.run.workflow, state.queued, services.codec)
        except InputError as error:
            self.ended(Failure("invalid_input", str(error)))
            return
        self.run.record(*facts)
        self.wake_branches()

    def do_give_up(self, failure: Failure) -> None:
        """End with a failure of the engine's own."""
        self.ended(failure)

    def do_restart(self, started: Sequence[Fact]) -> None:
        """Begin anew under the same id."""
        if self.run.state.outcome is None:
            self.run.record(("", ev.ExecutionCancelled("restarted")))
            if self.run.serving is not None:
                self.run.serving.settle()
        self.run.stop_children()
        self.forget_joins()
        self.run.record(*started)
        self.wake_branches()
