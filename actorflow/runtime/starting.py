"""How an execution comes to be: at once, or from the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define

from actorflow.errors import DefinitionMismatch
from actorflow.log.codec import Codec
from actorflow.log.port import Summary
from actorflow.model import events as ev
from actorflow.model.definition import Workflow
from actorflow.model.events import Data
from actorflow.model.rules import Fact
from actorflow.model.state import rank_of
from actorflow.runtime import registry


@define(eq=False)
class Start:
    """Start an execution, or find the one that has its id."""

    workflow: Workflow
    id: str
    inputs: Mapping[str, Data]
    variables: Mapping[str, Data]
    attributes: Mapping[str, Data]
    on_conflict: str
    reply: Any
    parent: Mapping[str, Data] | None = None
    wanted: Callable[[], bool] | None = None
    timeout: float | None = None
    follows: str | None = None
    on_complete: Sequence[Data] = ()

    def facts(self) -> list[Fact]:
        """Return what has happened when it has started."""
        return start_facts(
            self.workflow,
            self.inputs,
            self.variables,
            self.attributes,
            parent=self.parent,
            timeout=self.timeout,
            follows=self.follows,
            on_complete=self.on_complete,
        )


def start_facts(
    workflow: Workflow,
    inputs: Mapping[str, Data],
    variables: Mapping[str, Data],
    attributes: Mapping[str, Data],
    *,
    parent: Mapping[str, Data] | None = None,
    timeout: float | None = None,
    follows: str | None = None,
    on_complete: Sequence[Data] = (),
) -> list[Fact]:
    """Return what has happened when an execution has started."""
    started = ev.ExecutionStarted(
        workflow.name,
        workflow.fingerprint,
        dict(inputs),
        dict(variables),
        dict(attributes),
        None if parent is None else dict(parent),
        workflow.timeout if timeout is None else timeout,
        follows,
        list(on_complete) or None,
    )
    return [("", started), ("main", ev.BranchStarted(workflow.start.name))]


def begin_facts(
    workflow: Workflow, queued: ev.ExecutionQueued, codec: Codec
) -> list[Fact]:
    """Return what has happened when one from the queue has started.

    Raises:
        InputError: its inputs do not fit.
    """
    inputs = registry.queued_inputs(workflow, queued.inputs, codec)
    variables = codec.to_data(dict(workflow.state), path="state")
    return start_facts(
        workflow,
        inputs,
        variables,
        queued.attributes,
        timeout=queued.timeout,
        on_complete=queued.on_complete or (),
    )


def queue_summary(queued: ev.ExecutionQueued, at: float) -> Summary:
    """Return what lists need to know of an execution that was *queued* *at* a time."""
    return Summary(
        "queued",
        attributes=queued.attributes,
        rank=rank_of(queued, at),
        tags=queued.tags,
    )


def is_compatible(workflow: Workflow, name: str, fingerprint: str | None) -> bool:
    """Return whether *workflow* can run what was recorded.

    What is queued has no fingerprint yet.
    """
    accepted = (None, workflow.fingerprint, *workflow.compatible_with)
    return workflow.name == name and fingerprint in accepted


def mismatch(
    execution_id: str, given: Workflow, name: str, fingerprint: str | None
) -> DefinitionMismatch:
    """Return the error that says that *workflow* cannot run what was recorded."""
    return DefinitionMismatch(
        execution_id,
        f"{name!r} (fingerprint {fingerprint})",
        f"{given.name!r} (fingerprint {given.fingerprint})",
    )
