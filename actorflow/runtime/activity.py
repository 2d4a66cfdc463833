"""The actor of one activation of an activity: attempts, back-off, history, waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from attrs import evolve

from actorflow.actors.pooled import PooledActor
from actorflow.errors import UnrecordableError
from actorflow.model import events as ev
from actorflow.model.events import Failure
from actorflow.model.parts import Activation, Answer, branch_of
from actorflow.model.policy import failure_of, next_try
from actorflow.model.rules import wait_for_signal
from actorflow.runtime.alarm import Alarm
from actorflow.runtime.bridge import ActorBridge
from actorflow.runtime.context import ActivityContext, AskSignal, Flush, RecordValue
from actorflow.runtime.emitter import Yielded, emitter_of
from actorflow.runtime.jobs import Began, Job, Left, Raised, Returned
from actorflow.runtime.limits import Permit
from actorflow.runtime.messages import (
    Listen,
    Rang,
    Reported,
    Requested,
    Settle,
    TimedOut,
)
from actorflow.runtime.nodefailure import recordable
from actorflow.runtime.pulse import Pulse
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work


class Passed:
    """A value that the activity has yielded is durable."""


class ActivityActor(RunActor):
    """Runs one activity to its recorded end.

    What it does follows from the phase of its activation: *running* owes an attempt,
    *backoff* and *waiting* owe a timer.
    """

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        self._bound = run.services.bound(work.node)
        self._call = work.call
        self._retry = work.retry or self._bound.activity.retry
        self._timeout = work.timeout or self._bound.activity.timeout
        self._job: Job | None = work.job
        self._alarm = Alarm(self)
        self._deadline: Any = None
        self._pulse = Pulse(self, self._bound.activity.heartbeat_timeout)
        self._permit: Permit | None = None
        self._asked: AskSignal | None = None
        self._yielding = 0
        self._passed: list[Requested] = []
        self._ending: Any = None

    on_start = PooledActor.on_start  # a turn of its own is spared: `begin` looks

    def begin(self) -> None:
        """Hand over the attempt that is owed, as a rule; else look in its own turn."""
        activation = self._activation
        is_plain = activation is not None and activation.phase == "running"
        if is_plain and self.run.state.outcome is None:
            self._settle()
        else:
            self._actor_ref.put(Settle())

    @property
    def _activation(self) -> Activation | None:
        return self.run.state.find(self.address)

    def handle(self, message: Any) -> None:
        """Take in what happened; then do what is owed."""
        if isinstance(message, Passed):
            message = self._value_passed()
        if self._yielding and isinstance(message, Returned | Raised | Left):
            self._ending = message  # what was yielded comes before the end
        elif (take_in := self._TAKE_IN.get(type(message))) is not None:
            take_in(self, message)
        self._settle()

    # -- what is owed ------------------------------------------------------------------

    def _settle(self) -> None:
        if self._actor_ref.is_set():
            return  # it has left already
        activation = self._activation
        if activation is None or self.run.state.outcome is not None:
            self.leave()
            return
        if self._job is not None or self._stands_in_line:
            return
        if activation.phase in ("backoff", "waiting"):
            self._alarm.watch(activation)
        elif activation.phase == "running":
            self._start_attempt(activation)
        elif activation.phase == "interrupted" and not self._is_halted():
            self._start_again(activation)

    def _is_halted(self) -> bool:
        return self.run.state.is_halted(self.address)

    def _start_again(self, activation: Activation) -> None:
        """Run what was running when a process died; not what kills every process."""
        if activation.interruptions < self.run.services.max_interruptions:
            self._start_attempt(activation)
            return
        failure = Failure(
            type="interrupted",
            message=f"its process died {activation.interruptions} times while it ran",
            address=self.address,
            node=self._bound.activity.name,
        )
        self.run.record_one(self.address, ev.ActivationFailed(failure))
        self._tell_parent()

    def _start_attempt(self, activation: Activation) -> None:
        self._alarm.stop()
        if self._bound.activity.is_limited and not self._has_permit():
            return
        if activation.phase != "running":
            started = ev.AttemptStarted(activation.attempt)
            self.run.record_one(self.address, started)
        job = Job(
            self.address,
            self._bound,
            self._call,
            self._actor_ref.put,
            attempt=activation.attempt,
            wants_began=self._timeout is not None or self._pulse.seconds is not None,
            wanted=self.run.wants,
        )
        if self._bound.signature.context is not None:
            job.context = self._context(activation, job)
        self._job = job
        self.run.after_durable(self._submit, job)

    # -- limits ------------------------------------------------------------------------

    @property
    def _stands_in_line(self) -> bool:
        return self._permit is not None and not self._permit.granted

    def _has_permit(self) -> bool:
        """Ask for a permit, unless that was done; tell whether it is granted."""
        if self._permit is None:
            limits, activity = self.run.services.limits, self._bound.activity
            self._permit = limits.ask(activity, self._tell_admitted)
        return self._permit is None or self._permit.granted

    def _tell_admitted(self) -> None:
        self._actor_ref.put(Rang(self._permit))

    def _admitted(self, activation: Activation) -> None:
        if activation.phase != "running" and self._is_halted():
            self._give_back()  # others may go on meanwhile
        else:
            self._start_attempt(activation)

    def _give_back(self) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            permit.release()

    def _submit(self, job: Job) -> None:
        """Let *job* run, unless it was cancelled while its start became durable."""
        if self._activation is not None:
            self.run.services.executors.submit(job)

    def _context(self, activation: Activation, job: Job) -> ActivityContext:
        return ActivityContext(
            self.run.id,
            self.address,
            attempt=activation.attempt,
            visit=activation.visit,
            history=dict(activation.records or {}),
            answers=dict(activation.answers or {}),
            heartbeat=activation.heartbeat,
            bridge=ActorBridge(self._actor_ref, job),
            values=self.run.services.codec,
            is_async=self._bound.is_async,
            branch=branch_of(activation),
            clock=self.run.services.clock,
            chance=self.run.services.random,
        )

    def _rang(self, message: Rang) -> None:
        activation = self._activation
        if activation is not None and message.token is self._permit:
            self._admitted(activation)
        if activation is None or not self._alarm.has_rung(message):
            return
        if activation.phase in ("backoff", "running", "interrupted"):
            self._start_attempt(activation)
        elif activation.phase == "waiting" and activation.wait is not None:
            ended = ev.WaitEnded(activation.wait.ordinal, timed_out=True)
            self.run.record((self.address, ended))

    # -- an attempt --------------------------------------------------------------------

    def _is_current(self, job: Job) -> bool:
        """Whether *job* is the one waited for."""
        return self._job is job

    def _over(self) -> None:
        self._job = None
        self._give_back()
        self._pulse.stop()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _began(self, message: Began) -> None:
        if not self._is_current(message.job):
            return
        self._pulse.begin(message.job)
        if self._timeout is not None:
            after = self.run.services.timers.after
            tell = self.actor_ref.put
            self._deadline = after(self._timeout, tell, TimedOut(message.job))

    def _returned(self, message: Returned) -> None:
        if not self._is_current(message.job):
            return
        self._job = None  # all else is let go of when it leaves
        if self._activation is not None:  # else it was cancelled a moment ago
            self.run.record_one(self.address, ev.ActivationCompleted(message.data))
            self._tell_parent()

    def _raised(self, message: Raised) -> None:
        if not self._is_current(message.job):
            return
        self._over()
        self._attempt_failed(message.error)

    def _timed_out(self, message: TimedOut | Listen) -> None:
        job = self._job
        if job is None or not self._is_current(message.job):
            return
        why = f"no result within {self._timeout:g} s" if self._timeout else ""
        if isinstance(message, Listen):
            if not self._pulse.has_stopped(job):
                return
            why = f"no heartbeat within {self._pulse.seconds:g} s"
        self.run.services.executors.abandon(job)
        self._over()
        self._attempt_failed(TimeoutError(why))

    def _attempt_failed(self, error: BaseException) -> None:
        activation = self._activation
        if activation is None:
            return
        node = self._bound.activity.name
        failure = failure_of(error, address=self.address, node=node)
        details = recordable(failure.details, self.run.services.codec)
        failure = evolve(failure, details=details)
        delay = self._delay(activation, failure, error)
        if delay is None:
            self.run.record_one(self.address, ev.ActivationFailed(failure))
            self._tell_parent()
            return
        at = round(self.run.services.clock.time() + delay, 6)
        failed = ev.AttemptFailed(activation.attempt, failure, at)
        self.run.record_one(self.address, failed)

    def _delay(
        self, activation: Activation, failure: Failure, error: BaseException
    ) -> float | None:
        # What could not be written down was done all the same: doing it again would
        # not make it recordable.  Nor will other arguments come of trying again.
        if isinstance(error, UnrecordableError) or failure.type == "invalid_input":
            return None
        chance = self.run.services.random.random()
        return next_try(self._retry, activation.attempt, failure, chance)

    def leave(self) -> None:
        """Leave memory; what the attempt still does has no meaning any more."""
        self._alarm.stop()
        if self._job is not None:
            self.run.services.executors.abandon(self._job)
        self._over()
        for message in self._passed:
            message.returned()
        self._passed.clear()
        super().leave()

    # -- what a running activity asks for ----------------------------------------------

    def _requested(self, message: Requested) -> None:
        if not self._is_current(message.job) or self._activation is None:
            message.returned()  # what it is part of may have been cancelled just now
            return
        self._pulse.beat()
        request = message.request
        if isinstance(request, RecordValue):
            self._record_value(request, message.reply)
        elif isinstance(request, AskSignal):
            self._ask_signal(request, message.reply)
        elif isinstance(request, Flush):
            self._passed.append(message)
            self._tell_passed()

    def _record_value(self, request: RecordValue, reply: Any) -> None:
        activation = self._activation
        assert activation is not None
        if request.key not in (activation.records or {}):
            recorded = ev.ValueRecorded(request.key, request.value)
            self.run.record_one(self.address, recorded)
        assert activation.records is not None
        value = activation.records[request.key]
        self.run.after_durable(reply, value, None, otherwise=partial(reply, None))

    def _ask_signal(self, request: AskSignal, reply: Any) -> None:
        """Answer at once if a signal is there; else the activity will leave."""
        activation = self._activation
        assert activation is not None
        queue = self.run.state.signals.get(request.topic)
        if not queue or self.run.state.is_halted(self.address):
            self._asked = request
            reply(None, None)
            return
        self._wait(request)
        assert activation.answers is not None
        answer = activation.answers[request.ordinal]
        given = Answer(answer.payload, answer.timed_out)
        self.run.after_durable(reply, given, None, otherwise=partial(reply, None))

    def _wait(self, request: AskSignal) -> None:
        now = self.run.services.clock.time()
        state, (ordinal, topic, timeout) = self.run.state, request
        facts = wait_for_signal(state, self.address, ordinal, topic, timeout, now)
        self.run.record(*facts)

    def _left(self, message: Left) -> None:
        if self._is_current(message.job) and self._asked is not None:
            self._over()
            if self._activation is not None:
                self._wait(self._asked)

    def _report(self, message: Reported) -> None:
        activation, event = self._activation, message.event
        if activation is None:
            return
        is_current = message.job is not None and self._is_current(message.job)
        if is_current:
            self._pulse.beat()
        if isinstance(event, ev.HeartbeatReceived):
            # A log of every beat would outgrow what it tells.
            new = event.detail is not None and event.detail != activation.heartbeat
            if not (new and is_current):
                return
        emitter = None
        if isinstance(event, ev.ValueEmitted):
            emitter = emitter_of(self.run, self.address)
        if emitter is None:
            self.run.record_one(self.address, event)
        else:
            self._yielding += 1
            passed = partial(self._actor_ref.put, Passed())
            emitter.put(Yielded(self.address, event.value, passed))

    def _value_passed(self) -> Any:
        """Take note that a value is durable; return the end that waited for it."""
        self._yielding -= 1
        if self._yielding:
            return None
        self._tell_passed()
        ending, self._ending = self._ending, None
        return ending

    def _tell_passed(self) -> None:
        if not self._yielding:
            for message in self._passed:
                reply = message.reply
                self.run.after_durable(
                    reply, None, None, otherwise=partial(reply, None)
                )
            self._passed.clear()

    _TAKE_IN: ClassVar[dict[type, Callable[[ActivityActor, Any], None]]] = {
        Returned: _returned,
        Raised: _raised,
        Left: _left,
        Requested: _requested,
        Reported: _report,
        Began: _began,
        TimedOut: _timed_out,
        Listen: _timed_out,
        Rang: _rang,
    }
