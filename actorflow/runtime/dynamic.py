"""The actor of a dynamic node: it runs a coroutine, and is its event loop.

What the coroutine does (calls, timers, waits) are child activations with addresses of
their own. What it learns (how they ended) is in its state, in the order of the log. So
a replay is not special: the coroutine starts at its top, asks for what it asked for
before, and is given the results one after the other. Start reading at `handle`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import evolve

from actorflow.actors.ref import give_back
from actorflow.errors import NonDeterminismError, NotDurableError, UnrecordableError
from actorflow.model import events as ev
from actorflow.model.events import Data, Failure
from actorflow.model.parts import Activation
from actorflow.model.policy import next_try
from actorflow.runtime.alarm import Alarm
from actorflow.runtime.binding import Call, call_of
from actorflow.runtime.emitter import MARK, Yielded, emitter_of
from actorflow.runtime.jobs import Raised, Returned
from actorflow.runtime.messages import Came, Rang, Settle
from actorflow.runtime.nodecalls import Calls
from actorflow.runtime.nodecontext import Context
from actorflow.runtime.nodefailure import diverged, failure_in, recordable
from actorflow.runtime.nodehost import NodeHost
from actorflow.runtime.nodeloop import Continued, NodeLoop, NodeTimer
from actorflow.runtime.nodeplace import defined
from actorflow.runtime.nodethread import NodeThread, Wanted
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work

BREATH = 0.001
"""Seconds that a node that does not come to rest leaves to the others, every turn."""
ENDS = 500
"""Ends of its calls that a node learns of in one turn."""
CREDIT = 64
"""Values a node may yield before the first of them must be durable."""


class Credited:
    """A yielded value is durable."""


class Durable:
    """All that the node had recorded when *loop* was held is durable."""

    def __init__(self, loop: NodeLoop) -> None:
        self.loop = loop


def _returned(main: asyncio.Task[Any]) -> bool:
    """Whether the node has come to its end, or wants to begin anew."""
    if main.cancelled():
        return False
    return main.exception() is None or _continues(main)


def _continues(main: asyncio.Task[Any]) -> bool:
    error = None if main.cancelled() else main.exception()
    if isinstance(error, BaseExceptionGroup):  # it was in a task group
        return error.split(Continued)[1] is None
    return isinstance(error, Continued)


class DynamicActor(RunActor):
    """Runs one dynamic node to its recorded end.

    An attempt is one run from the top, on a loop of its own.

    Attributes:
        has_rested: it has caught up with what is recorded, and can be asked.
    """

    host_class: ClassVar[type[NodeHost]] = NodeHost

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        self._bound = run.services.bound(work.node)
        self._call: Call | None = work.call
        self._retry = work.retry or self._bound.activity.retry
        self._timeout: float | None = work.timeout or self._bound.activity.timeout
        self._alarm: Alarm | None = None
        self._is_late = False
        self._in_flight = 0
        self._begin_attempt()

    def _begin_attempt(self) -> None:
        self._loop = NodeLoop(self)  # type: ignore[abstract]
        self._calls = Calls(self.run, self.address, self._loop)
        self._host = self.host_class(self, self._loop, self._calls)
        self._thread: NodeThread | None = None
        self._main: asyncio.Task[Any] | None = None
        self._cancelled = False
        self._caught_up = self.has_rested = False
        self._held_back: list[Data] | None = None

    # -- the turn ----------------------------------------------------------------------

    def handle(self, message: Any) -> None:
        """Start the coroutine if it is not running; give it what is new."""
        state = self.run.state
        activation = state.activations.get(self.address)
        if activation is not None and activation.phase in ("running", "backoff"):
            self._take_in(message, activation)
        if activation is None or state.outcome or activation.phase == "failed":
            give_back(message)
            self.leave()
        elif activation.phase == "backoff":
            if self._main is not None:
                self._abandon_attempt()
                self._begin_attempt()
            self._watch_clock(activation)
        elif activation.phase == "running":
            self._carry_on(activation)

    def _take_in(self, message: Any, activation: Activation) -> None:
        if isinstance(message, Credited):
            self._credited()
        elif isinstance(message, Durable):
            if message.loop is self._loop:
                self._loop.release()
        elif isinstance(message, Came):
            self._calls.take_up(message.address)
        elif isinstance(message, Wanted):
            if self._thread is not None and message.host is self._host:
                self._thread.take(message)
            else:
                message.returned()
        elif isinstance(message, Returned | Raised):
            if self._thread is not None:
                self._thread.take_end(message)
        elif (
            isinstance(message, Rang) and self._alarm and self._alarm.has_rung(message)
        ):
            if activation.phase == "backoff":
                self._record_attempt(activation)
            else:
                self._is_late = True

    def _carry_on(self, activation: Activation) -> None:
        """Let the node run, unless its time is over."""
        if self._is_late:
            if not self._in_flight:  # what was yielded comes before the end
                self._time_is_over()
            return
        if self._main is None:
            self._begin_node(activation)
        if self._main is not None:
            self._watch_clock(activation)
            self._advance(activation, self._main)

    def _begin_node(self, activation: Activation) -> None:
        if activation.until is None and self._timeout is not None:
            self._record_attempt(activation)
        self._loop.now = activation.started_at
        self._calls.begin(activation)
        try:
            self._main = self._loop.start(self._coroutine(), self.address)
        except Exception as error:  # noqa: BLE001 - arguments may not fit
            self._end_failed(error)

    # -- attempts ----------------------------------------------------------------------

    def _record_attempt(self, activation: Activation) -> None:
        deadline = None
        if self._timeout is not None:
            deadline = round(self.run.services.clock.time() + self._timeout, 6)
        started = ev.AttemptStarted(activation.attempt, deadline)
        self.run.record_one(self.address, started)

    def _watch_clock(self, activation: Activation) -> None:
        if self._alarm is None and activation.until is not None:
            self._alarm = Alarm(self)
        if self._alarm is not None:
            self._alarm.watch(activation)

    def _time_is_over(self) -> None:
        self._is_late = False
        limit = self._timeout  # none, if the definition has lost it meanwhile
        within = "in time" if limit is None else f"within {limit:g} s"
        message = f"no result {within}"
        name = self._bound.activity.name
        self._failed(Failure("timeout", message, address=self.address, node=name))

    def _delay(self, attempt: int, failure: Failure) -> float | None:
        """Return the seconds until the next attempt, or None if there is none."""
        chance = self.run.services.random.random() if self._retry else 0.0
        return next_try(self._retry, attempt, failure, chance)

    def _abandon_attempt(self) -> None:
        """Nothing of the attempt matters any more, nor does what it has called."""
        self._leave_memory()
        self._calls.finish_told()
        if self._calls.any_pending:
            self.run.settle_under(f"{self.address}/")

    def _leave_memory(self) -> None:
        """Take the coroutine off the stack."""
        self._calls.go()
        self.has_rested = False
        if self.run.serving is not None:
            self.run.serving.leave(self.address)
        if self._thread is not None:
            self._thread.stop()
        self._loop.abandon()

    # -- the coroutine -----------------------------------------------------------------

    def _coroutine(self) -> Any:
        bound, call = self._bound, self._call
        activation = self.run.state.activations[self.address]
        if activation.generation > 1:
            call = call_of(activation.input)
        assert call is not None
        if not self._retry:
            self._call = None  # it is not begun again, and may wait for weeks
        if not bound.is_async:
            ref = self._actor_ref
            self._thread = NodeThread(self.run, self._loop, self._host, ref)
            return self._thread.run(self.address, bound, call)
        context = Context(self._host, self.run.id, self.address, self._host.branch)
        args, kwargs = bound.arguments(call, context)
        return bound.activity.fn(*args, **kwargs)

    def _advance(self, activation: Activation, main: asyncio.Task[Any]) -> None:
        """Run the node until it needs something that is not there."""
        calls, left = self._calls, ENDS
        idle = self._run_code()
        while idle and calls.diverged is None and self._next(activation, main):
            idle, left = self._run_code(), left - 1
            if not left:
                self._actor_ref.put(Settle())  # others get their turn in a long replay
                return
        if calls.diverged is not None:
            self._fail_execution(calls)
        elif self._loop.held is not None:
            return
        elif not idle:
            # By a timer, so that even what waits for idleness gets its turn.
            self.run.services.timers.after(BREATH, self._actor_ref.put, Settle())
        elif main.done() and not self._loop.has_tasks:
            self._wind_up(main)
        else:  # or tasks of its own await something: handlers, or a `finally`
            self._rest(activation)

    def _run_code(self) -> bool:
        watchdog = self.run.services.watchdog
        if watchdog is None:
            return self._loop.run_ready()
        watchdog.enter(self)
        try:
            return self._loop.run_ready()
        finally:
            watchdog.leave(self)

    def _next(self, activation: Activation, main: asyncio.Task[Any]) -> bool:
        """Give the node what is next, if there is anything."""
        if self._loop.held is not None:
            return False
        if main.done() and not self._cancelled:
            handlers = self._host.handlers if _returned(main) else None
            if handlers is not None and handlers.close():
                return True
            if handlers is None or not handlers.busy:
                # As `asyncio.run` does: what the node has left running is cancelled.
                self._cancelled = True
                return self._loop.cancel_tasks()
        return self._may_take(activation, main) and self._calls.take_next()

    def _may_take(self, activation: Activation, main: asyncio.Task[Any]) -> bool:
        """Whether the node may learn of another end: not while it is paused, say."""
        if main.done() and not self._loop.has_tasks:
            return False
        if self._calls.taken < activation.seen:
            return True
        return not self.run.state.is_halted(self.address)

    def _rest(self, activation: Activation) -> None:
        """The node waits for something; see that it is something that can come."""
        ended = activation.ended or ()
        self.has_rested = True
        if self._calls.taken < len(ended):
            return  # it is halted
        if not self._caught_up:
            self._caught_up = True
            self._calls.compare_rest("it waits for something else")
            if self._calls.diverged is not None:
                self._fail_execution(self._calls)
                return
        if not self._calls.any_pending and not activation.open:
            instead = "await `ctx.wait_signal(topic)` for what comes from outside"
            self._end_failed(NotDurableError("awaiting what nothing will end", instead))
        elif not activation.busy_children and len(ended) > activation.seen:
            self.run.record_one(self.address, ev.NodeSettled())

    # -- the end -----------------------------------------------------------------------

    def _wind_up(self, main: asyncio.Task[Any]) -> None:
        """End: nothing of the node runs any more."""
        if not self._caught_up:
            self._calls.compare_rest("the end")
            if self._calls.diverged is not None:
                self._fail_execution(self._calls)
                return
        # What was yielded comes before the end, and so does what was started.
        if not self._in_flight and not self._calls.are_starting:
            self._end(main)

    def _end(self, main: asyncio.Task[Any]) -> None:
        handlers = self._host.handlers
        if handlers is not None and handlers.failure is not None:
            self._end_failed(handlers.failure)
            return
        if _continues(main):
            self._continue(self._host.continued)
            return
        try:
            data = self._host.output(self._bound, main.result())
        except BaseException as error:  # noqa: BLE001 - user code may raise anything
            self._end_failed(error)
            return
        self._calls.leave_all(well=True)
        self.run.record_one(self.address, ev.ActivationCompleted(data))
        self._tell_parent()

    def _continue(self, data: Data) -> None:
        """Begin anew; nobody above notices."""
        self.run.record_one(self.address, ev.NodeContinued(data))
        self.run.shortened = True
        self._is_late = False
        self._abandon_attempt()
        self._begin_attempt()
        self._actor_ref.put(Settle())

    def _end_failed(self, error: BaseException) -> None:
        failure = failure_in(error, self.address, self._bound.activity.name)
        if failure.details is not None:
            details = recordable(failure.details, self.run.services.codec)
            failure = evolve(failure, details=details)
        # Neither would be better another time.
        hopeless = isinstance(error, UnrecordableError)
        hopeless = hopeless or failure.type == "invalid_input"
        self._failed(failure, hopeless=hopeless)

    def _failed(self, failure: Failure, *, hopeless: bool = False) -> None:
        """Fail for good, or until the next attempt; what was called is left."""
        activation = self.run.state.activations[self.address]
        delay = None if hopeless else self._delay(activation.attempt, failure)
        if delay is None:
            self.run.record_one(self.address, ev.ActivationFailed(failure))
            self._abandon_attempt()
            self._tell_parent()
            return
        at = round(self.run.services.clock.time() + delay, 6)
        learned = self._calls.taken
        failed = ev.AttemptFailed(activation.attempt, failure, at, learned)
        self.run.record_one(self.address, failed)
        if self.run.state.updates:
            self.run.to_serve().drop(self.address, failure)
        self._abandon_attempt()
        self._begin_attempt()
        self._watch_clock(activation)

    def _fail_execution(self, calls: Calls) -> None:
        """Stop everything as it is: with the right code, a retry goes on from here."""
        name = self._bound.activity.name
        failure = diverged(self.divergence(calls), self.address, name)
        self.run.record_one("", ev.ExecutionFailed(failure))
        self.run.settle_all()
        self.leave()

    def divergence(self, calls: Calls) -> NonDeterminismError:
        """Return the difference that was found, with the line of code that differs."""
        assert calls.diverged is not None
        calls.diverged.place = calls.diverged.place or self.place()
        return calls.diverged

    def on_stop(self) -> None:
        """Leave nothing behind: no timer, no emitter, no coroutine."""
        if self._alarm is not None:
            self._alarm.stop()
        self.run.settle(self.address + MARK)
        self._leave_memory()

    # -- for the loop and the host -----------------------------------------------------

    def check_input(self, data: Data) -> None:
        """Raise what the node's function would if it were called with that."""
        self._bound.arguments(call_of(data), None)

    @property
    def is_blocking(self) -> bool:
        """Whether the node is a ``def``, on a thread."""
        return self._thread is not None

    def place(self) -> str | None:
        """Return the line of its code at which the node is, or begins."""
        place = self._thread.place() if self._thread is not None else self._loop.place()
        return place or defined(self._bound.activity.fn)

    async def call(self, function: Callable[[], Any]) -> Any:
        """Call *function* where the node's own code runs; await what it returns."""
        if self._thread is not None:
            return await self._thread.call(self.address, self._bound, function)
        value = function()
        return await value if inspect.isawaitable(value) else value

    def start_timer(self, handle: NodeTimer) -> None:
        """Make a durable sleep of a timer."""
        self._calls.start_timer(handle, self._host.sleeping(handle.when()))

    def cancel_timer(self, handle: NodeTimer) -> None:
        """Forget a timer that was cancelled before its time."""
        self._calls.cancel_timer(handle)

    async def wait_until_durable(self) -> None:
        """Hold the node until what it has recorded, and what led to it, is durable."""
        held = self._loop.hold()
        self.run.after_durable(self._actor_ref.put, Durable(self._loop))
        await held

    async def emit(self, data: Data) -> None:
        """Yield a value; go on when not too many are on their way."""
        if self._in_flight >= CREDIT:
            self._held_back = [*(self._held_back or ()), data]
            await self._loop.hold()
        else:
            self._yield(data)

    def _yield(self, data: Data) -> None:
        self._in_flight += 1
        emitter = emitter_of(self.run, self.address)
        assert emitter is not None
        emitter.put(Yielded(self.address, data, self._passed))

    def _passed(self) -> None:
        self._actor_ref.put(Credited())

    def _credited(self) -> None:
        self._in_flight -= 1
        if self._held_back:
            self._yield(self._held_back.pop())
            self._loop.release()
