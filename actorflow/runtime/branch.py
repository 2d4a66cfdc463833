"""The actor of one branch: it walks steps.

What concerns more than one branch (a fork, a join, the end) it hands to the execution.
"""

from __future__ import annotations

from typing import Any

from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.addresses import parent_of
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure
from actorflow.model.parts import Activation, Branch
from actorflow.model.policy import failure_of
from actorflow.model.steps import NODE_KINDS, Edge, Step
from actorflow.runtime.binding import NO_CALL, call_of
from actorflow.runtime.messages import Arrived
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work

_PATIENT = ("dynamic", "wait_signal", "ask", "sleep", "pause")
"""Kinds of steps that take time, most of which nothing happens."""


class BranchActor(RunActor):
    """Follows edges from step to step until it must hand over."""

    def __init__(self, run: Run, address: str, workflow: Workflow) -> None:
        super().__init__(run, address)
        self._workflow = workflow

    @property
    def _branch(self) -> Branch:
        return self.run.state.branches[self.address]

    def handle(self, message: Any) -> None:  # noqa: ARG002 - the state tells it all
        """Do what the branch owes now."""
        branch = self.run.state.branches.get(self.address)
        if branch is None or branch.status != "active" or self.run.state.outcome:
            self.leave()
        elif branch.current is not None:
            self._look_after(self.run.state.activations[branch.current])
        elif branch.target is not None:
            self._enter(self._workflow.step(branch.target))
        else:
            self._choose(self._workflow.step(branch.step or ""))

    # -- from a step to the next -------------------------------------------------------

    def _choose(self, step: Step) -> None:
        """Choose the edges to follow after *step*."""
        branch = self._branch
        try:
            edges = rules.follow(step, self.run.state, branch, self._expressions)
        except Exception as error:  # noqa: BLE001 - a condition may raise anything
            self._branch_failed(self._described(error, step))
            return
        if not rules.is_move(branch, edges):
            self._hand_over(edges)
        elif self.run.state.is_halted(self.address):
            self.run.record_one(self.address, ev.BranchMoved(edges[0].step))
            self._hand_over()
        else:
            self._enter(self._workflow.step(edges[0].step))

    def _enter(self, step: Step) -> None:
        if self.run.state.is_halted(self.address):
            self._hand_over()
            return
        if step.join is not None:
            # Joins concern other branches: the execution enters them for us.
            if self._branch.target is None:
                self.run.record_one(self.address, ev.BranchMoved(step.name))
            self._hand_over()
            return
        now = self.run.services.clock.time()
        try:
            facts = rules.enter(
                step, self.run.state, self._branch, self._expressions, now
            )
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            self._enter_failed(step, error)
            return
        self.run.record(*facts)
        if self._branch.current is not None:
            self._look_after(self.run.state.activations[self._branch.current])
        else:
            self._choose(step)  # a decision: nothing was to be done there

    def _enter_failed(self, step: Step, error: Exception) -> None:
        """The step's input could not be made: the step fails, visibly."""
        address = f"{self.address}/{step.name}"
        started = ev.ActivationStarted("activity", step.name, step.name)
        self.run.record(
            (address, started),
            (address, ev.ActivationFailed(self._described(error, step))),
        )
        self._step_failed(self.run.state.activations[address])

    # -- the step it is in -------------------------------------------------------------

    def _look_after(self, activation: Activation) -> None:
        """See to it that the current activation has an actor, or has ended."""
        address = activation.address
        if activation.phase == "failed":
            self._step_failed(activation)
        elif activation.phase != "joining":
            if address in self.run.actors:
                self.run.settle(address)
            else:
                self._spawn(activation, self._workflow.step(activation.step or ""))
            if activation.kind in _PATIENT and "/" not in self.address:
                self.leave()  # the end of that, weeks later it may be, wakes the branch

    def _spawn(self, activation: Activation, step: Step) -> None:
        runs_node = activation.kind in NODE_KINDS
        node = step.nodes[step.name] if runs_node else None
        call = call_of(activation.input) if runs_node else NO_CALL
        self.run.begin(activation.address, activation.kind, Work(node, call, step))

    def _step_failed(self, activation: Activation) -> None:
        failure = activation.error
        assert failure is not None
        step = self._workflow.step(activation.step or "")
        address, event = rules.caught(step, self._branch, failure)
        self.run.record_one(address, event)
        if isinstance(event, ev.BranchFailed):
            self._hand_over()
        else:
            self._enter(self._workflow.step(self._branch.target or ""))

    # -- handing over ------------------------------------------------------------------

    def _branch_failed(self, failure: Failure) -> None:
        self.run.record_one(self.address, ev.BranchFailed(failure))
        self._hand_over()

    def _hand_over(self, edges: list[Edge] | None = None) -> None:
        self.run.tell(parent_of(self.address), Arrived(self.address, edges))

    def _described(self, error: BaseException, step: Step) -> Failure:
        return failure_of(error, address=f"{self.address}/{step.name}", node=step.name)

    @property
    def _expressions(self) -> Any:
        return self.run.services.expressions
