"""What an execution leaves behind when it ends: executions that are to follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from actorflow.model import events as ev
from actorflow.model.children import Child
from actorflow.model.events import Data, Failure, failure_data
from actorflow.model.followups import FollowUp, follow_up_id
from actorflow.model.policy import failure_of
from actorflow.model.rules import View
from actorflow.runtime.binding import call_of
from actorflow.runtime.registry import child_inputs

if TYPE_CHECKING:
    from actorflow.runtime.run import Run

_STATUS: dict[type, str] = {
    ev.ExecutionCompleted: "completed",
    ev.ExecutionFailed: "failed",
    ev.ExecutionCancelled: "cancelled",
}


def is_end(event: Any) -> bool:
    """Whether *event* ends an execution."""
    return type(event) in _STATUS


def planned(run: Run, end: Any) -> Iterator[ev.FollowUpPlanned]:
    """Yield what is to follow the *end* of an execution, with its inputs."""
    status = _STATUS[type(end)]
    given = [FollowUp(**hook) for hook in run.state.hooks]
    for follow_up in (*run.workflow.on_complete, *given):
        if status not in follow_up.on:
            continue
        label = follow_up.label
        count = run.state.follow_ups.get(label, 0) + 1
        execution = follow_up_id(run.id, label, count)
        try:
            name, inputs = _inputs(run, follow_up, _seen(run.id, status, end))
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            failure = failure_of(error, address="", node=label)
            yield ev.FollowUpPlanned(label, execution, error=failure)
        else:
            yield ev.FollowUpPlanned(label, execution, name, inputs)


def _inputs(
    run: Run, follow_up: FollowUp, seen: Mapping[str, Data]
) -> tuple[str, dict[str, Data]]:
    services = run.services
    workflow = services.define(follow_up.start)
    view = View(run.state.inputs, seen)
    node, parameters = Child(follow_up.start), follow_up.parameters
    data = services.expressions.arguments(node, parameters, view)
    return workflow.name, child_inputs(workflow, call_of(data), services.codec)


def _seen(execution_id: str, status: str, end: Any) -> Mapping[str, Data]:
    """Return what parameters see of an end."""
    error: Failure | None = getattr(end, "error", None)
    if error is None and status == "cancelled":
        error = Failure("cancelled", end.reason or "")
    return {
        "execution_id": execution_id,
        "status": status,
        "output": getattr(end, "output", None),
        "error": None if error is None else failure_data(error),
    }
