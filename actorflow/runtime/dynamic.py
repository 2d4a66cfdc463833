"""The actor of a dynamic node: it runs a coroutine, and is its event loop.

What the coroutine does (calls, timers, waits) are child activations with addresses of
their own. What it learns (how they ended) is the list of results in its state, in the
order of the log. So a replay is not special: the coroutine starts at its top, asks for
what it asked for before, and is given the results one after the other.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from actorflow.errors import NodeFailed, NonDeterminismError
from actorflow.model import events as ev
from actorflow.model.activities import node_name
from actorflow.model.definition import node_kind
from actorflow.model.events import Data, Failure
from actorflow.model.policy import failure_of
from actorflow.model.rules import Fact, question, wait_for_signal
from actorflow.model.state import Activation, Result, parent_of
from actorflow.model.steps import Map, Step
from actorflow.runtime.binding import NO_CALL, call_of
from actorflow.runtime.expressions import call_data
from actorflow.runtime.messages import Ended
from actorflow.runtime.nodecontext import Context, Question, schema_of
from actorflow.runtime.nodeloop import NodeLoop, NodeTimer, next_call
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work

CREDIT = 64
"""Values a node may yield before the first of them must be durable."""


class DynamicActor(RunActor):
    """Runs one dynamic node to its recorded end."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        self._work = work
        self._bound = run.services.bound(work.node)
        self.loop = NodeLoop(self)
        self._task: asyncio.Task[Any] | None = None
        self._futures: dict[str, asyncio.Future[Any]] = {}
        self._timers: dict[str, NodeTimer] = {}
        self._works: dict[str, Work] = {}
        self._taken = 0
        self._emitted = 0
        self._in_flight = 0
        self._blocked: list[tuple[Data, asyncio.Future[Any]]] = []

    @property
    def _activation(self) -> Activation:
        return self.run.state.activations[self.address]

    @property
    def replaying(self) -> bool:
        """Whether the node is still catching up with what is recorded."""
        activation = self.run.state.activations.get(self.address)
        return activation is not None and self._taken < len(activation.results or ())

    # -- the turn ----------------------------------------------------------------------

    def handle(self, message: Any) -> None:
        """Start the coroutine if it is not running; give it what is new."""
        if isinstance(message, _Credit):
            self._credited()
        activation = self.run.state.activations.get(self.address)
        if activation is None or self.run.state.outcome or activation.phase == "failed":
            self.leave()
            return
        if activation.phase != "running":
            return
        if self._task is None:
            self._begin_node(activation)
        self._give_results(activation)
        if self._task is not None and self._task.done():
            self._end(self._task)
        elif not activation.busy_children and len(activation.results or ()) > (
            activation.seen
        ):
            self.run.record_one(self.address, ev.NodeSettled())

    def _begin_node(self, activation: Activation) -> None:
        self.loop.now = activation.started_at
        context = Context(self, self.run.id, self.address)
        self._task = self.loop.start(self._coroutine(context))
        self.loop.run_ready()

    async def _coroutine(self, context: Context) -> Any:
        args, kwargs = self._bound.arguments(self._work.call, context)
        result = self._work.node.fn(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    def _give_results(self, activation: Activation) -> None:
        """Deliver results one by one, each with all that follows from it."""
        while self._task is not None and not self._task.done():
            results = activation.results or {}
            if self._taken >= len(results):
                return
            address = list(results)[self._taken]
            self._taken += 1
            self._deliver(address, results[address])
            self.loop.run_ready()

    def _deliver(self, address: str, result: Result) -> None:
        self.loop.now = max(self.loop.now, result.time)
        handle = self._timers.pop(address, None)
        if handle is not None:
            self.loop.run_timer(handle)
            return
        future = self._futures.pop(address, None)
        if future is None or future.done():
            return
        if result.error is not None:
            future.set_exception(self._child_error(address, result))
        else:
            future.set_result(result.value)

    def _child_error(self, address: str, result: Result) -> Exception:
        error = result.error
        assert error is not None
        if error.type == "timeout" and "/signal:" in address:
            return TimeoutError(error.message)
        return NodeFailed(error.address or address, error.node or result.node, error)

    # -- the end -----------------------------------------------------------------------

    def _end(self, task: asyncio.Task[Any]) -> None:
        try:
            data = self._bound.result(task.result())
        except BaseException as error:  # noqa: BLE001 - user code may raise anything
            self._end_failed(error)
            return
        self.run.record_one(self.address, ev.ActivationCompleted(data))
        self._tell_parent()

    def _end_failed(self, error: BaseException) -> None:
        if isinstance(error, NodeFailed):
            failure: Failure = error.cause
        else:
            name = self._bound.activity.name
            failure = failure_of(error, address=self.address, node=name)
        self.run.record_one(self.address, ev.ActivationFailed(failure))
        self._tell_parent()

    def _tell_parent(self) -> None:
        for address in list(self.run.actors):
            if address and parent_of(address) == self.address:
                self.run.settle(address)
        self.run.tell(parent_of(self.address), Ended(self.address))
        self.leave()

    # -- calls -------------------------------------------------------------------------

    def call(self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return an awaitable of the result of *node*."""
        values = self.run.services.codec
        data = call_data(
            tuple(values.to_data(a, path=f"argument {n}") for n, a in enumerate(args)),
            {name: values.to_data(a, path=name) for name, a in kwargs.items()},
        )
        step = Step(node_name(node), activity=node)
        work = Work(node, call_of(data), step)
        key = getattr(node, "key", None)
        started = ev.ActivationStarted(node_kind(node), node_name(node), input=data)
        hint = self._return_hint(node)
        return self._child(node_name(node), key, started, work, hint)

    def _return_hint(self, node: Any) -> Any:
        if node_kind(node) == "flow":
            return Any
        return self.run.services.bound(node).signature.returns

    def call_map(
        self, node: Any, items: list[Any], limit: int | None, on_error: str
    ) -> Awaitable[list[Any]]:
        """Return an awaitable of the list of results."""
        values, name = self.run.services.codec, node_name(node)
        fan: Any = Map(
            over=[],
            activity=node,
            max_concurrency=limit,
            on_error=on_error,  # type: ignore[arg-type]
        )
        given = {
            "items": [
                values.to_data(i, path=f"items[{n}]") for n, i in enumerate(items)
            ],
            "bodies": [[node_kind(node), name]],
            "limit": limit,
            "on_error": on_error,
        }
        work = Work(None, NO_CALL, Step(name, map=fan))
        started = ev.ActivationStarted("map", name, input=given)
        hint = self._return_hint(node)
        each = hint if on_error != "continue" else Any
        return self._child(name, getattr(node, "key", None), started, work, list[each])

    async def _child(
        self,
        name: str,
        key: str | None,
        started: ev.ActivationStarted,
        work: Work,
        hint: Any,
    ) -> Any:
        """Start a child activation, or meet the recorded one; return its result."""
        number = f":{quote(key, safe='')}" if key is not None else f"#{next_call()}"
        address = f"{self.address}/{quote(name, safe=' ._-:')}{number}"
        future = self._futures.get(address)
        if future is None:
            future = self.loop.create_future()
            self._futures[address] = future
            self._enter(address, started, work, future)
        try:
            data = await (asyncio.shield(future) if key is not None else future)
        except asyncio.CancelledError:
            self._cancel_child(address)
            raise
        return self.run.services.codec.from_data(data, hint, path=address)

    def _enter(
        self,
        address: str,
        started: ev.ActivationStarted,
        work: Work,
        future: asyncio.Future[Any],
    ) -> None:
        activation = self._activation
        result = (activation.results or {}).get(address)
        child = self.run.state.activations.get(address)
        self._works[address] = work
        if result is not None:
            self._compare(address, result.node, result.input, started)
            if self._already_taken(activation, address):
                future.set_result(result.value)  # a second call with the same key
        elif address in (activation.cancelled or {}):
            return
        elif child is not None:
            self._compare(address, child.node, child.input, started)
            if address not in self.run.actors:
                self.run.begin(address, child.kind, work)
        else:
            self.run.record_one(address, started)
            self.run.begin(address, started.kind, work)

    def _already_taken(self, activation: Activation, address: str) -> bool:
        taken = list(activation.results or ())[: self._taken]
        return address in taken

    def _compare(
        self, address: str, node: str, data: Data, started: ev.ActivationStarted
    ) -> None:
        if (node, data) == (started.node, started.input):
            return
        expected, got = f"{node}({data!r})", f"{started.node}({started.input!r})"
        raise NonDeterminismError(address, expected[:200], got[:200])

    def _cancel_child(self, address: str) -> None:
        self._futures.pop(address, None)
        if address in self.run.state.activations:
            self.run.record_one(address, ev.ActivationCancelled())
            self.run.settle(address)

    # -- waits -------------------------------------------------------------------------

    def start_timer(self, handle: NodeTimer) -> None:
        """Make a durable sleep of a timer; see `NodeLoop`."""
        address = f"{self.address}/timer#{next_call()}"
        handle.address = address
        if address in (self._activation.cancelled or {}):
            return
        self._timers[address] = handle
        if address in (self._activation.results or {}):
            return
        work = Work(None, NO_CALL, Step("timer", sleep=1))
        if address not in self.run.state.activations:
            deadline = round(handle.when(), 6)
            self.run.record(
                (address, ev.ActivationStarted("sleep", "timer")),
                (address, ev.WaitStarted(0, "time", deadline=deadline)),
            )
        if address not in self.run.actors:
            self.run.begin(address, "sleep", work)

    def cancel_timer(self, handle: NodeTimer) -> None:
        """Forget a timer that was cancelled before its time."""
        address = handle.address
        if self._timers.pop(address, None) is not None:
            self._cancel_child(address)

    async def wait_signal(self, topic: str, timeout: float | None) -> Any:
        """Wait for a signal, durably."""
        address = f"{self.address}/signal:{quote(topic, safe='')}#{next_call()}"
        work = Work(None, NO_CALL, Step("signal", sleep=1))
        started = ev.ActivationStarted("wait_signal", topic, input={"topic": topic})
        now, state = self.run.services.clock.time(), self.run.state
        facts = wait_for_signal(state, address, 0, topic, timeout, now)
        return await self._wait(address, started, work, facts, Any)

    async def _wait(
        self,
        address: str,
        started: ev.ActivationStarted,
        work: Work,
        facts: list[Fact],
        hint: Any,
    ) -> Any:
        future = self._futures[address] = self.loop.create_future()
        recorded = address in (self._activation.results or {})
        known = recorded or address in (self._activation.cancelled or {})
        if not known and address not in self.run.state.activations:
            self.run.record((address, started), *facts)
        if not known and address not in self.run.actors:
            self.run.begin(address, started.kind, work)
        try:
            data = await future
        except asyncio.CancelledError:
            self._cancel_child(address)
            raise
        return self.run.services.codec.from_data(data, hint, path=address)

    async def ask_person(self, asked: Question) -> Any:
        """Ask a question; return its answer, or its default when time is over."""
        number = next_call()
        name = asked.id or f"{self.address}#{number}"
        address = f"{self.address}/ask:{quote(name, safe='')}"
        work = Work(asked, NO_CALL, Step("ask", sleep=1))
        started = ev.ActivationStarted("ask", name, input=asked.prompt)
        schema = schema_of(asked.schema)
        now = self.run.services.clock.time()
        wait = question(name, asked.prompt, asked.timeout, schema, now)
        return await self._wait(address, started, work, [(address, wait)], asked.hint)

    # -- values ------------------------------------------------------------------------

    async def emit(self, value: Any) -> None:
        """Record a value for those above; wait while too many are on their way."""
        data = self.run.services.codec.to_data(value, path="emit")
        self._emitted += 1
        if self._emitted <= self._activation.emitted:
            return  # recorded before the restart
        if self._in_flight >= CREDIT:
            future = self.loop.create_future()
            self._blocked.append((data, future))
            await future
        else:
            self._record_emitted(data)

    def _record_emitted(self, data: Data) -> None:
        self._in_flight += 1
        self.run.record_one(self.address, ev.ValueEmitted(data))
        self.run.after_durable(self._actor_ref.put, _Credit())

    def _credited(self) -> None:
        self._in_flight -= 1
        if self._blocked:
            data, future = self._blocked.pop(0)
            self._record_emitted(data)
            if not future.done():
                future.set_result(None)
            self.loop.run_ready()

    def record_value(self, key: str, fn: Callable[..., Any], args: Any) -> Any:
        """Return what is recorded under *key*; call *fn* if nothing is."""
        records = self._activation.records or {}
        values = self.run.services.codec
        if key not in records:
            data = values.to_data(fn(*args), path=f"record({key!r})")
            self.run.record_one(self.address, ev.ValueRecorded(key, data))
            records = self._activation.records or {}
        return values.from_data(records[key], path=f"record({key!r})")

    def patched(self, patch_id: str) -> bool:
        """Return whether this activation has taken, or may take, the new way."""
        key = f"patch:{patch_id}"
        if key in (self._activation.records or {}):
            return True
        if self.replaying:
            return False
        self.run.record_one(self.address, ev.ValueRecorded(key, True))
        return True


class _Credit:
    """A yielded value is durable."""
