"""The actor of one execution: what concerns more than one of its branches.

It owns the stream, starts branches, forks and joins them, takes commands from
outside, and decides the end. Start reading here: `handle`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from actorflow.errors import ActorflowError, BranchNotFoundError, ExecutionEndedError
from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.definition import Edge, Step
from actorflow.model.rules import Fact
from actorflow.model.state import Branch
from actorflow.runtime.branch import BranchActor
from actorflow.runtime.messages import Arrived, Command, Settle
from actorflow.runtime.run import RunActor

logger = logging.getLogger(__name__)


class ExecutionActor(RunActor):
    """Supervises the branches of one execution."""

    def on_start(self) -> None:
        """Begin, or go on where the log ends."""
        if any(a.phase == "running" for a in self._in_flight()):
            owner, epoch = self.run.services.owner, self.run.stream.epoch
            self.run.record(("", ev.ExecutionRecovered(owner, epoch)))
        self._wake_branches()
        super().on_start()

    def handle(self, message: Any) -> None:
        """Take in what a branch or the outside wants; then see what follows."""
        if isinstance(message, Arrived):
            self._arrived(self.run.state.branches[message.branch], message.edges)
        elif isinstance(message, Command):
            self._do(message)
        elif not isinstance(message, Settle):
            logger.warning("%s does not understand %r", self.run.id, message)
        self._conclude()

    # -- branches ----------------------------------------------------------------------

    def _in_flight(self) -> list[Any]:
        activations = self.run.state.activations.values()
        return [a for a in activations if a.kind == "activity" and a.busy]

    def _wake_branches(self) -> None:
        """Give every active branch an actor; let those that have one look around."""
        for branch in list(self.run.state.branches.values()):
            if branch.status != "active":
                continue
            if branch.id in self.run.actors:
                self.run.settle(branch.id)
            else:
                self.run.spawn(BranchActor, branch.id)

    def _arrived(self, branch: Branch, edges: list[Edge] | None) -> None:
        if branch.status != "active" or branch.current is not None:
            return
        if edges is not None:
            self._leave_by(branch, edges)
        elif branch.target is not None and not self.run.state.is_halted(branch.id):
            step = self.run.workflow.step(branch.target)
            if step.join is not None:
                self._enter_join(branch, step)

    def _leave_by(self, branch: Branch, edges: list[Edge]) -> None:
        """End the branch, with or without others that go on from here."""
        if edges and self.run.state.is_halted(branch.id):
            return
        self.run.record(*rules.fork(self.run.state, branch, edges))
        self._wake_branches()
        self.run.settle(branch.id)

    def _enter_join(self, branch: Branch, step: Step) -> None:
        state, services = self.run.state, self.run.services
        now = services.clock.time()
        entered = rules.enter(step, state, branch, services.expressions, now)
        self.run.record(*entered)
        activation = state.activations[entered[0][0]]
        self.run.record(*rules.arrive(state, activation, branch))

    def _conclude(self) -> None:
        """Complete joins that are satisfied; end the execution if nothing is left."""
        state = self.run.state
        if state.outcome is not None:
            return
        if state.failing is None:
            for address, completed in list(
                rules.satisfied_joins(self.run.workflow, state)
            ):
                self.run.record_one(address, completed)
                self.run.settle(address.rpartition("/")[0])
        ended = rules.finish(self.run.workflow, state)
        if ended:
            self.run.record(*ended)
            self._end()

    def _end(self) -> None:
        self.run.settle_all()

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
                self.run.after_durable(command.reply.set_exception, error)
            elif not isinstance(error, ActorflowError):
                logger.exception("%r to %s failed", command.name, self.run.id)
            else:
                logger.warning("%r to %s: %s", command.name, self.run.id, error)
            return
        if command.reply is not None:
            self.run.after_durable(command.reply.set, None)

    def _must_be_open(self) -> None:
        outcome = self.run.state.outcome
        if outcome is not None:
            raise ExecutionEndedError(self.run.id, outcome)

    def do_signal(
        self, topic: str, payload: Any = None, key: str | None = None
    ) -> None:
        self._must_be_open()
        if key is not None and key in self.run.state.signal_keys:
            return
        received = ev.SignalReceived(topic, payload, key)
        self._answer(rules.signal(self.run.state, received))

    def _answer(self, facts: Sequence[Fact]) -> None:
        self.run.record(*facts)
        for address, event in facts:
            if isinstance(event, ev.WaitEnded):
                self.run.settle(address)

    def do_pause(self, branch: str | None = None, reason: str | None = None) -> None:
        self._must_be_open()
        self._must_exist(branch)
        state = self.run.state
        pause = state.paused if branch is None else state.paused_branches.get(branch)
        if pause is None or pause.reason != reason:
            self.run.record(("", ev.ExecutionPaused(branch, reason)))
            self.run.settle_all()

    def do_resume(self, branch: str | None = None) -> None:
        self._must_be_open()
        self._must_exist(branch)
        state = self.run.state
        if state.paused or state.paused_branches:
            self.run.record(("", ev.ExecutionResumed(branch)))
        for address, wait in list(state.waits.items()):
            inside = branch is None or address.partition("/")[0] == branch
            if wait.kind == "pause" and inside:
                self.run.record_one(address, ev.WaitEnded(wait.ordinal))
        self.run.record(*rules.answers(state))
        self._wake_branches()
        self.run.settle_all()

    def _must_exist(self, branch: str | None) -> None:
        if branch is not None and branch not in self.run.state.branches:
            raise BranchNotFoundError(self.run.id, branch)

    def do_cancel(self, reason: str | None = None) -> None:
        self._must_be_open()
        self.run.record(("", ev.ExecutionCancelled(reason)))
        self._end()

    def do_retry(self) -> None:
        outcome = self.run.state.outcome
        if outcome != "failed":
            status = outcome or self.run.state.status
            raise ExecutionEndedError(self.run.id, f"{status}, not failed")
        self.run.record(("", ev.ExecutionRetried()))
        self.run.record(*rules.answers(self.run.state))
        self._wake_branches()

    def do_wake(self) -> None:
        """Do what is owed; being in memory is enough for that."""

    def do_give_up(self, failure: ev.Failure) -> None:
        self.run.record(("", ev.ExecutionFailed(failure)))
        self._end()

    def do_restart(self, started: Sequence[Fact]) -> None:
        if self.run.state.outcome is None:
            self.run.record(("", ev.ExecutionCancelled("restarted")))
        self.run.stop_children()
        self.run.record(*started)
        self._wake_branches()
