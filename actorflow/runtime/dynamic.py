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

from actorflow.errors import NotDurableError
from actorflow.model import events as ev
from actorflow.model.events import Data
from actorflow.model.state import Activation, parent_of
from actorflow.runtime.emitter import MARK, Yielded, emitter_of
from actorflow.runtime.executors import Raised, Returned
from actorflow.runtime.messages import Ended, Settle
from actorflow.runtime.nodecalls import Calls
from actorflow.runtime.nodecontext import Context
from actorflow.runtime.nodefailure import diverged, failure_in
from actorflow.runtime.nodehost import NodeHost
from actorflow.runtime.nodeloop import NodeLoop, NodeTimer
from actorflow.runtime.nodethread import NodeThread, Wanted
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work

BREATH = 0.001
"""Seconds that a node that does not come to rest leaves to the others, every turn."""
CREDIT = 64
"""Values a node may yield before the first of them must be durable."""


class Credited:
    """A yielded value is durable."""


class Durable:
    """All that the node had recorded when it was held is durable."""


def _returned(main: asyncio.Task[Any]) -> bool:
    return not main.cancelled() and main.exception() is None


class DynamicActor(RunActor):
    """Runs one dynamic node to its recorded end."""

    host_class: ClassVar[type[NodeHost]] = NodeHost

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        self._work = work
        self._bound = run.services.bound(work.node)
        self._loop = NodeLoop(self)  # type: ignore[abstract]
        self._calls = Calls(run, address, self._loop)
        self._host = self.host_class(self, self._loop, self._calls)
        self._thread: NodeThread | None = None
        self._main: asyncio.Task[Any] | None = None
        self._cancelled = False
        self._caught_up = False
        self._in_flight = 0
        self._held_back: list[Data] = []

    # -- the turn ----------------------------------------------------------------------

    def handle(self, message: Any) -> None:
        """Start the coroutine if it is not running; give it what is new."""
        if isinstance(message, Credited):
            self._credited()
        elif isinstance(message, Durable):
            self._loop.release()
        elif isinstance(message, Wanted | Returned | Raised) and self._thread:
            self._thread.take(message)
        activation = self.run.state.activations.get(self.address)
        if activation is None or self.run.state.outcome or activation.phase == "failed":
            self.leave()
        elif activation.phase == "running":
            if self._main is None:
                self._begin_node(activation)
            if self._main is not None:
                self._advance(activation, self._main)

    def _begin_node(self, activation: Activation) -> None:
        self._loop.now = activation.started_at
        self._calls.begin(activation)
        try:
            self._main = self._loop.start(self._coroutine())
        except Exception as error:  # noqa: BLE001 - arguments may not fit
            self._end_failed(error)

    def _coroutine(self) -> Any:
        bound, call = self._bound, self._work.call
        if not bound.is_async:
            ref = self._actor_ref
            self._thread = NodeThread(self.run, self._loop, self._host, ref)
            return self._thread.run(self.address, bound, call)
        context = Context(self._host, self.run.id, self.address, self._host.branch)
        args, kwargs = bound.arguments(call, context)
        return bound.activity.fn(*args, **kwargs)

    def _advance(self, activation: Activation, main: asyncio.Task[Any]) -> None:
        """Run the node until it needs something that is not there."""
        calls = self._calls
        idle = self._loop.run_ready()
        while idle and calls.diverged is None and self._next(activation, main):
            idle = self._loop.run_ready()
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

    def _next(self, activation: Activation, main: asyncio.Task[Any]) -> bool:
        """Give the node what is next, if there is anything."""
        if self._loop.held is not None:
            return False
        if main.done() and not self._cancelled:
            handlers = self._host.handlers
            if handlers is None or not _returned(main) or not handlers.busy:
                # As `asyncio.run` does: what the node has left running is cancelled.
                self._cancelled = True
                return self._loop.cancel_tasks()
            if handlers.close():
                return True
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
        if not self._in_flight:  # what was yielded comes before the end
            self._end(main)

    def _end(self, main: asyncio.Task[Any]) -> None:
        handlers = self._host.handlers
        if handlers is not None and handlers.failure is not None:
            self._end_failed(handlers.failure)
            return
        try:
            data = self._host.output(self._bound, main.result())
        except BaseException as error:  # noqa: BLE001 - user code may raise anything
            self._end_failed(error)
            return
        self._calls.leave_all()
        self.run.record_one(self.address, ev.ActivationCompleted(data))
        self._tell_parent()

    def _end_failed(self, error: BaseException) -> None:
        failure = failure_in(error, self.address, self._bound.activity.name)
        self._calls.leave_all()
        self.run.record_one(self.address, ev.ActivationFailed(failure))
        self._tell_parent()

    def _tell_parent(self) -> None:
        self.run.tell(parent_of(self.address), Ended(self.address))
        self.leave()

    def _fail_execution(self, calls: Calls) -> None:
        """Stop everything as it is: with the right code, a retry goes on from here."""
        assert calls.diverged is not None
        name = self._bound.activity.name
        failure = diverged(calls.diverged, self.address, name)
        self.run.record_one("", ev.ExecutionFailed(failure))
        self.run.settle_all()
        self.leave()

    def on_stop(self) -> None:
        """Take the coroutine off the stack."""
        self._calls.gone = True
        self.run.settle(self.address + MARK)
        if self._thread is not None:
            self._thread.stop()
        self._loop.abandon()

    # -- for the loop and the host -----------------------------------------------------

    @property
    def is_blocking(self) -> bool:
        """Whether the node is a ``def``, on a thread."""
        return self._thread is not None

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
        self.run.after_durable(self._actor_ref.put, Durable())
        await held

    async def emit(self, data: Data) -> None:
        """Yield a value; go on when not too many are on their way."""
        if self._in_flight >= CREDIT:
            self._held_back.append(data)
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
