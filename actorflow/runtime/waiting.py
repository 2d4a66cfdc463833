"""The actor of a step that only waits: for a time, a signal, or an unpause."""

from __future__ import annotations

from typing import Any

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure
from actorflow.model.parts import Activation, Answer
from actorflow.model.policy import Retry, next_try
from actorflow.model.rules import wait_for_signal
from actorflow.runtime.alarm import Alarm
from actorflow.runtime.messages import Rang
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work


class WaitActor(RunActor):
    """Rings when the time is over, and turns the end of the wait into a result."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        self._step = work.step
        self._alarm = Alarm(self)

    @property
    def retry(self) -> tuple[Retry, ...]:
        """When to wait again."""
        return self._step.retry

    def handle(self, message: Any) -> None:
        """End the wait if its time is over; then do what is owed."""
        activation = self.run.state.activations.get(self.address)
        if activation is None or self.run.state.outcome is not None:
            self.leave()
            return
        if isinstance(message, Rang) and self._alarm.has_rung(message):
            self._time_is_over(activation)
        if activation.phase == "running":
            self._wait_is_over(activation)
        if activation.phase in ("waiting", "backoff"):
            self._alarm.watch(activation)

    def _time_is_over(self, activation: Activation) -> None:
        if activation.frozen is not None:
            return
        if activation.phase == "backoff":
            self._wait_again(activation)
        elif activation.wait is not None:
            timed_out = activation.wait.kind != "time"
            ended = ev.WaitEnded(activation.wait.ordinal, timed_out=timed_out)
            self.run.record_one(self.address, ended)

    def _wait_again(self, activation: Activation) -> None:
        assert self._step.wait_signal is not None
        self.run.record(
            *wait_for_signal(
                self.run.state,
                self.address,
                activation.attempt - 1,
                activation.input["topic"],
                self._step.wait_signal.timeout,
                self.run.services.clock.time(),
            )
        )

    def _wait_is_over(self, activation: Activation) -> None:
        answer = (activation.answers or {}).get(activation.attempt - 1)
        result: Data | Failure = None
        if answer is not None:
            late = answer.timed_out
            result = self.result_at_end(activation) if late else self.result_of(answer)
        if isinstance(result, Failure):
            self._failed(activation, result)
            return
        self.run.record_one(self.address, ev.ActivationCompleted(result))
        self._tell_parent()

    def result_of(self, answer: Answer) -> Data:
        """Return what the wait gives."""
        return answer.payload

    def result_at_end(self, activation: Activation) -> Data | Failure:
        """Return what the end of the time means."""
        given = activation.input
        topic = given["topic"] if isinstance(given, dict) else activation.node
        return Failure(
            type="timeout",
            message=f"nothing came on {topic!r} in time",
            exceptions=("builtins:TimeoutError", "builtins:OSError"),
            address=self.address,
            node=activation.node,
        )

    def _failed(self, activation: Activation, failure: Failure) -> None:
        chance = self.run.services.random.random()
        delay = next_try(self.retry, activation.attempt, failure, chance)
        if delay is None:
            self.run.record_one(self.address, ev.ActivationFailed(failure))
            self._tell_parent()
            return
        at = round(self.run.services.clock.time() + delay, 6)
        failed = ev.AttemptFailed(activation.attempt, failure, at)
        self.run.record_one(self.address, failed)

    def leave(self) -> None:
        """Leave memory; nothing rings any more."""
        self._alarm.stop()
        super().leave()
