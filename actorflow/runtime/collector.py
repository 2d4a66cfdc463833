"""Gathers what executions have recorded, so that many turns become one write.

Its own turn comes when nobody else wants one, so it never sees a turn half done; and
it comes before that of the log writer, which then commits what it was handed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actorflow.actors.dispatcher import Dispatcher

if TYPE_CHECKING:
    from actorflow.runtime.run import Run

URGENT = 500
"""Turns with something to record after which nobody goes first any more."""


class Collector:
    """Executions mark themselves here when they have recorded something.

    It is no actor: it has no mail, and a turn of its own is all that it needs.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._marked: list[Run] = []

    def __repr__(self) -> str:
        return "<collector>"

    def mark(self, run: Run) -> None:
        """Let *run* hand over what it has recorded, soon."""
        self._marked.append(run)
        if len(self._marked) == 1:
            self._dispatcher.wake_when_idle(self)
        elif len(self._marked) == URGENT:
            self._dispatcher.hurry(self)

    def turn(self, throughput: int) -> None:
        """Let every marked run hand over."""
        del throughput
        self.flush()

    def flush(self) -> None:
        """Let every marked run hand over now; only for those on the same dispatcher."""
        runs, self._marked = self._marked, []
        for run in runs:
            try:
                run.flush()
            except Exception as error:  # noqa: BLE001 - it concerns nobody else
                run.services.crashed(run, error)
