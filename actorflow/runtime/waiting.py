"""The actor of a step that only waits: for a time, a signal, or an unpause."""

from __future__ import annotations

from typing import Any

from actorflow.model import events as ev
from actorflow.model.events import Failure
from actorflow.model.state import Activation, parent_of
from actorflow.runtime.messages import Ended, Rang
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work


class WaitActor(RunActor):
    """Rings when the time is over, and turns the end of the wait into a result."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        del work  # the state tells all there is to know
        self._timer: Any = None
        self._rings = 0

    def handle(self, message: Any) -> None:
        """End the wait if its time is over; then do what is owed."""
        activation = self.run.state.activations.get(self.address)
        if activation is None or self.run.state.outcome is not None:
            self._stop_timer()
            self.leave()
            return
        if isinstance(message, Rang) and message.token == self._rings:
            self._time_is_over(activation)
        self._stop_timer()
        if activation.phase in ("running", "interrupted"):
            self._finish(activation)
        elif activation.phase == "waiting":
            self._watch_clock(activation)

    def _time_is_over(self, activation: Activation) -> None:
        wait = activation.wait
        if wait is not None and activation.frozen is None:
            timed_out = wait.kind == "signal"
            ended = ev.WaitEnded(wait.ordinal, timed_out=timed_out)
            self.run.record_one(self.address, ended)

    def _finish(self, activation: Activation) -> None:
        answer = (activation.answers or {}).get(0)
        if answer is not None and answer.timed_out:
            self.run.record_one(
                self.address, ev.ActivationFailed(self._too_late(activation))
            )
        else:
            result = answer.payload if answer is not None else None
            self.run.record_one(self.address, ev.ActivationCompleted(result))
        self.run.tell(parent_of(self.address), Ended(self.address))
        self.leave()

    def _too_late(self, activation: Activation) -> Failure:
        topic = activation.input["topic"]
        return Failure(
            type="timeout",
            message=f"no signal on {topic!r} in time",
            exceptions=("builtins:TimeoutError", "builtins:OSError"),
            address=self.address,
            node=activation.node,
        )

    def _watch_clock(self, activation: Activation) -> None:
        if activation.until is None or activation.frozen is not None:
            return
        if self.run.state.is_halted(self.address):
            return
        self._rings += 1
        at = self.run.services.timers.at
        self._timer = at(activation.until, self.actor_ref.put, Rang(self._rings))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
