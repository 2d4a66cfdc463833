"""The state of an execution as people and programs look at it: `Checkpoint`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from actorflow.model.events import Failure
from actorflow.model.parts import Activation
from actorflow.model.state import ExecutionState
from actorflow.runtime.expressions import Recalls


@frozen
class BranchView:
    """One branch: where it is, and its variables."""

    status: str
    step: str | None
    variables: Mapping[str, Any]
    error: Failure | None = None


@frozen
class ActivationView:
    """One live activation: what it does, and what it has recorded."""

    node: str
    kind: str
    phase: str
    attempt: int
    visit: int
    until: float | None
    records: Mapping[str, Any]
    items_done: int | None = None
    items_total: int | None = None
    generation: int = 1


@frozen
class WaitView:
    """Something pending from outside."""

    kind: str
    topic: str | None
    until: float | None
    reason: str | None


@frozen
class Checkpoint:
    """The state of an execution after event *version*.

    Attributes:
        branches: by branch id.
        activations: live ones, by address; with their activity history.
        waits: pending ones, by address.
        signals: received and not yet consumed: payloads by topic, oldest first.
    """

    id: str
    version: int
    status: str
    workflow: str
    inputs: Mapping[str, Any]
    branches: Mapping[str, BranchView]
    activations: Mapping[str, ActivationView]
    waits: Mapping[str, WaitView]
    signals: Mapping[str, list[Any]]
    output: Any = None
    error: Failure | None = None
    started_at: float = 0.0
    finished_at: float | None = None

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables of the first branch."""
        return self.branches["main"].variables if "main" in self.branches else {}


def checkpoint_of(
    execution_id: str, state: ExecutionState, values: Recalls
) -> Checkpoint:
    """Return what *state* looks like from outside."""

    def bring(data: Mapping[str, Any] | None) -> dict[str, Any]:
        return {key: values.from_data(value) for key, value in (data or {}).items()}

    return Checkpoint(
        id=execution_id,
        version=state.version,
        status=state.status,
        workflow=state.workflow,
        inputs=bring(state.inputs),
        branches={
            branch.address: BranchView(
                branch.status,
                branch.target or branch.step,
                bring(branch.variables),
                branch.error,
            )
            for branch in state.branches.values()
        },
        activations={
            activation.address: _activation(activation, bring(activation.records))
            for activation in state.everything()
        },
        waits={
            address: WaitView(
                wait.kind, wait.topic, state.activations[address].until, wait.reason
            )
            for address, wait in state.waits.items()
        },
        signals={
            topic: [values.from_data(payload) for _, payload in queue]
            for topic, queue in state.signals.items()
        },
        output=values.from_data(state.output),
        error=state.error,
        started_at=state.started_at,
        finished_at=state.finished_at,
    )


def _activation(activation: Activation, records: dict[str, Any]) -> ActivationView:
    fan = activation.fan
    return ActivationView(
        node=activation.node,
        kind=activation.kind,
        phase=activation.phase,
        attempt=activation.attempt,
        visit=activation.visit,
        until=activation.until,
        records=records,
        items_done=None if fan is None else fan.next - len(fan.redo) - fan.live,
        items_total=None if fan is None else len(fan.items),
        generation=activation.generation,
    )
