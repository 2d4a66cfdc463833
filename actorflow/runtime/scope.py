"""The actor of a graph: what concerns more than one of its branches.

It starts them, forks and joins them, and decides the end. The execution itself is one,
and so is every flow inside it.
"""

from __future__ import annotations

from typing import Any

from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure
from actorflow.model.parts import Branch
from actorflow.model.rules import Output
from actorflow.model.steps import Edge, Step
from actorflow.runtime.branch import BranchActor
from actorflow.runtime.messages import Arrived
from actorflow.runtime.run import Run, RunActor


class ScopeActor(RunActor):
    """Supervises the branches of one graph."""

    def __init__(self, run: Run, address: str, workflow: Workflow) -> None:
        super().__init__(run, address)
        self._workflow = workflow
        self._left: dict[str, int] = {}

    def handle(self, message: Any) -> None:
        """Take in where a branch has arrived; then see what follows."""
        if isinstance(message, Arrived):
            self._arrived(message.branch, message.edges)
        self._conclude()

    def wake_branches(self) -> None:
        """Give every active branch an actor; let those that have one look around."""
        for address in list(self.run.state.scope_of(self.address).active):
            if address in self.run.actors:
                self.run.settle(address)
            else:
                self.run.spawn(BranchActor, address, self._workflow)

    def forget_joins(self) -> None:
        """Look again at all that joins wait for: their branches begin anew."""
        self._left.clear()

    def ended(self, end: Failure | Output) -> None:
        """Record how the graph ended."""
        raise NotImplementedError

    def _arrived(self, address: str, edges: list[Edge] | None) -> None:
        branch = self.run.state.branches.get(address)
        if branch is None or branch.status != "active" or branch.current is not None:
            return
        if self.run.state.outcome is not None or self.run.state.is_left(branch):
            return  # it failed while this was under way; a retry will ask again
        if edges is not None:
            self._leave_by(branch, edges)
        elif branch.target is not None and not self.run.state.is_halted(address):
            step = self._workflow.step(branch.target)
            if step.join is not None:
                self._enter_join(branch, step)

    def _leave_by(self, branch: Branch, edges: list[Edge]) -> None:
        """End the branch, with or without others that go on from here."""
        if edges and self.run.state.is_halted(branch.address):
            return
        facts = rules.fork(self.run.state, branch, edges)
        self.run.record(*facts)
        for address, event in facts:
            if isinstance(event, ev.BranchStarted):
                self.run.spawn(BranchActor, address, self._workflow)
        self.run.settle(branch.address)

    def _enter_join(self, branch: Branch, step: Step) -> None:
        state, services = self.run.state, self.run.services
        now = services.clock.time()
        entered = rules.enter(step, state, branch, services.expressions, now)
        self.run.record(*entered)
        activation = state.activations[entered[0][0]]
        self.run.record(*rules.arrive(state, activation, branch))

    def _conclude(self) -> None:
        """Complete joins that are satisfied; end if nothing is left to do."""
        state, workflow = self.run.state, self._workflow
        if state.outcome is not None or state.is_abandoned(self.address):
            return
        if not state.is_halted(self.address):
            left = self._left
            joins = list(rules.satisfied_joins(workflow, state, self.address, left))
            for address, completed in joins:
                self.run.record_one(address, completed)
                self.run.settle(address.rpartition("/")[0])
        end = rules.finish(workflow, state, self.address)
        if end is not None:
            self.ended(end)
