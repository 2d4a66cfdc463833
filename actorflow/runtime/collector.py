"""Gathers what executions have recorded, so that many turns become one write.

Its own turn comes when nobody else wants one, so it never sees a turn half done; and
it comes before that of the log writer, which then commits what it was handed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem

if TYPE_CHECKING:
    from actorflow.runtime.run import Run

URGENT = 500
"""Turns with something to record after which nobody goes first any more."""


class Collector:
    """The handle: executions mark themselves here when they have recorded something."""

    def __init__(self, system: ActorSystem) -> None:
        self._dispatcher = system.dispatcher
        self.marked: list[Run] = []
        self._ref = system.spawn(_Collector, self, parent=system.services)

    def flush(self) -> None:
        """Let every marked run hand over now; only for those on the same dispatcher."""
        runs, self.marked = self.marked, []
        for run in runs:
            run.flush()

    def mark(self, run: Run) -> None:
        """Let *run* hand over what it has recorded, soon."""
        self.marked.append(run)
        if len(self.marked) == 1:
            self._ref.put(self)
        elif len(self.marked) == URGENT:
            self._dispatcher.hurry(self._ref)


class _Collector(PooledActor):
    low_priority: ClassVar[bool] = True

    def __init__(self, handle: Collector) -> None:
        super().__init__()
        self._handle = handle

    def on_receive(self, message: Any) -> None:  # noqa: ARG002 - there is one message
        """Let every marked run hand over."""
        self._handle.flush()

    def on_stop(self) -> None:
        """Leave nothing behind."""
        self.on_receive(None)
