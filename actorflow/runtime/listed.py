"""An execution as lists show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from actorflow.log.port import StreamRow


@frozen
class ExecutionInfo:
    """What is known of an execution without looking at its events.

    Times are seconds since the epoch.

    Attributes:
        id: by which `Runtime.get` finds it.
        workflow: the name of its definition.
        status: running, suspended, paused, queued, completed, failed or cancelled.
        events: how many it has.
        wake_at: when its next clock rings, if it rests and one runs.
        waits: what it waits for, the first few: kind, address, topic, ...
        attributes: the search attributes it was started with.
        tags: what a worker must have to take it from the queue.
        parent: the execution it was started by.
        owner: the process that has it in memory.
        created_at: when it was started, or submitted.
        updated_at: when something was last recorded of it.
    """

    id: str
    workflow: str
    status: str
    events: int
    wake_at: float | None
    waits: Sequence[Mapping[str, Any]]
    attributes: Mapping[str, Any]
    tags: Sequence[str]
    parent: str | None
    owner: str | None
    created_at: float
    updated_at: float
    stream: int = field(repr=False)
    """Its number in the log."""

    @classmethod
    def of(cls, row: StreamRow) -> ExecutionInfo:
        """Return what the row of an execution's stream tells."""
        return cls(
            id=row.name,
            workflow=row.type,
            status=row.status,
            events=row.head,
            wake_at=row.wake_at,
            waits=row.waits,
            attributes=row.attributes,
            tags=row.tags,
            parent=row.parent,
            owner=row.owner,
            created_at=row.created_at,
            updated_at=row.updated_at,
            stream=row.id,
        )
