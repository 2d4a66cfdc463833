"""One clock for all waits of an execution that rest without an actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actorflow.model import events as ev

if TYPE_CHECKING:
    from actorflow.runtime.run import Run

PORTION = 500
"""How many are ended in one turn: all may have slept until the same moment."""


class Naps:
    """Rings for the earliest of them; there may be a hundred thousand."""

    __slots__ = ("_run", "_timer", "_until")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._timer: Any = None
        self._until: float | None = None

    def watch(self) -> None:
        """See to it that the earliest rings; none does where nothing may begin."""
        state = self._run.state
        until = None if state.is_halted("") else state.next_nap
        if until != self._until:
            self.stop()
            self._until = until
            if until is not None:
                self._timer = self._run.services.timers.at(until, self._ring)

    def wake(self) -> None:
        """End some of those whose time is over; watch the next."""
        run = self._run
        for address in run.state.take_naps(run.services.clock.time(), PORTION):
            wait = run.state.waits[address]
            ended = ev.WaitEnded(wait.ordinal, timed_out=wait.kind != "time")
            run.record_one(address, ended)
            run.settle(address)
        self.watch()

    def stop(self) -> None:
        """Ring no more."""
        self._until = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        """Let the execution's actor look; on the dispatcher's thread, so be short."""
        self._timer = self._until = None
        self._run.settle("")
