"""Imports executions: their events are folded, and must make sense as they come."""

from __future__ import annotations

from typing import Any, BinaryIO

from actorflow.log.importing import Imported, Importer
from actorflow.log.lines import Header
from actorflow.log.port import Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import events as ev
from actorflow.model.events import Data, Recorded
from actorflow.model.fields import check_fields
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.runtime.checkpoint import checkpoint_of
from actorflow.runtime.run import summary_of


def import_file(
    log: SQLiteLog, file: BinaryIO, *, name: str | None = None, partial: bool = False
) -> list[Imported]:
    """Bring what `actorflow export` has written into *log*; nobody owns it then.

    Whoever opens the log with the definitions goes on with what has not ended.

    Args:
        log: where to.
        file: what was exported; it is read twice.
        name: for the execution, if another than its own.
        partial: take executions whose end was lost, too.

    Raises:
        TransferError: the file is damaged, or its events make no sense.
        StreamExistsError: an execution of that id is there, with other events.
    """
    return Importer(log, file, _Execution, name=name, partial=partial).run()


class _Execution:
    """What the events of one execution add up to, as far as they have come."""

    def __init__(self) -> None:
        self._state = ExecutionState()
        self.parent: str | None = None

    def add(self, recorded: Recorded) -> None:
        """Take in the next event."""
        event = recorded.event
        check_fields(event)
        if recorded.seq == 1 and not isinstance(event, ev.ExecutionStarted):
            raise ValueError("an execution begins with execution.started")
        if isinstance(event, ev.ItemsStarted):
            self._check_items(recorded.address, event)
        if isinstance(event, ev.ExecutionStarted) and event.parent is not None:
            self.parent = str(event.parent["execution"])
        apply(self._state, recorded)

    def _check_items(self, address: str, event: ev.ItemsStarted) -> None:
        """Refuse items that are not there: one event could tell of a billion."""
        fan = self._state.activations[address].fan
        there = 0 if fan is None else len(fan.items)
        if not 0 <= event.first <= event.first + event.count <= there:
            raise ValueError(f"{address} has {there} items")

    def summary(self, header: Header) -> Summary:
        """Return what the row of the execution says."""
        if not self._state.version:
            raise ValueError("there are no events in it")
        if header.type != self._state.workflow:
            raise ValueError(
                f"by its header it is of {header.type!r}, "
                f"by its events of {self._state.workflow!r}"
            )
        checkpoint_of(header.name, self._state, _AsWritten())  # it can be looked at
        return summary_of(self._state)


class _AsWritten:
    """Stands where values are read, and leaves them as they are."""

    def from_data(self, data: Data, hint: Any = Any, *, path: str = "value") -> Any:  # noqa: ARG002
        """Return *data*."""
        return data
