"""The actor of a flow inside an execution: a graph walked as one activation."""

from __future__ import annotations

from typing import Any

from actorflow.errors import ActorflowError
from actorflow.model import events as ev
from actorflow.model.events import Failure
from actorflow.model.policy import failure_of
from actorflow.model.rules import Output, branch_address
from actorflow.runtime.registry import as_workflow, flow_inputs
from actorflow.runtime.run import Run
from actorflow.runtime.scope import ScopeActor
from actorflow.runtime.work import Work


class FlowActor(ScopeActor):
    """Begins the flow, walks it, and hands its end to whoever started it."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address, as_workflow(work.node))
        self._work = work
        self._awake = False

    def handle(self, message: Any) -> None:
        """Begin if that is still to be done; then do what any graph does."""
        activation = self.run.state.activations.get(self.address)
        if activation is None or activation.phase != "running":
            self.leave()
            return
        if activation.scope is None:
            self._begin()
        elif not self._awake:
            self.wake_branches()
        self._awake = True
        if self.run.state.activations[self.address].phase == "running":
            super().handle(message)

    def _begin(self) -> None:
        workflow = self._workflow
        try:
            codec = self.run.services.codec
            inputs = flow_inputs(workflow, self._work.call, codec)
            variables = codec.to_data(dict(workflow.state), path="state")
        except ActorflowError as error:
            self.ended(failure_of(error, address=self.address, node=workflow.name))
            return
        started = ev.FlowStarted(inputs, variables)
        first = branch_address(self.address, "main")
        self.run.record(
            (self.address, started), (first, ev.BranchStarted(workflow.start.name))
        )
        self.wake_branches()

    def ended(self, end: Failure | Output) -> None:
        """Record the result or the failure, and tell the parent."""
        if isinstance(end, Output):
            self.run.record_one(self.address, ev.ActivationCompleted(end.value))
        else:
            self.run.record_one(self.address, ev.ActivationFailed(end))
        self._tell_parent()
