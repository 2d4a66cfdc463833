"""What a `Context` is made of: every call of a dynamic node, written down.

The host turns arguments into records, and records into what their annotations ask for.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attrs import evolve

from actorflow.errors import ActivityError, HandlerError
from actorflow.model import events as ev
from actorflow.model.children import as_child
from actorflow.model.events import Data, Failure
from actorflow.model.parts import branch_of
from actorflow.model.rules import question, wait_for_signal
from actorflow.model.steps import Map, Step
from actorflow.runtime.binding import NO_CALL, BoundActivity, call_of
from actorflow.runtime.callee import Callee, callee_of, quoted
from actorflow.runtime.expressions import call_data
from actorflow.runtime.nodecalls import Ask, Calls
from actorflow.runtime.nodechild import ChildHandle
from actorflow.runtime.nodecontext import Question, schema_of
from actorflow.runtime.nodehandlers import Handlers, check_name
from actorflow.runtime.nodeloop import Continued, NodeLoop
from actorflow.runtime.work import SIGNAL, Work

if TYPE_CHECKING:
    from actorflow.runtime.dynamic import DynamicActor

NESTED = 200
"""How many activations may lie in one another, by way of calls."""
ASK = Step("ask", sleep=1)
SLEEP = Work(None, NO_CALL, Step("timer", sleep=1))
TELL = Work(None, NO_CALL, Step("tell", sleep=1))
UPDATE = Work(None, NO_CALL, Step("update", sleep=1))


@functools.lru_cache(1_000)
def _of_topic(topic: str) -> dict[str, Data]:
    """Return the input of a wait: the same for the thousands who wait for the same."""
    return {"topic": topic}


class NodeHost:
    """Makes the calls that a node's context is asked for."""

    __slots__ = (
        "_actor",
        "_calls",
        "_loop",
        "_output",
        "_patches",
        "_recording",
        "_run",
        "continued",
        "handlers",
    )

    def __init__(self, actor: DynamicActor, loop: NodeLoop, calls: Calls) -> None:
        self._actor = actor
        self._run = actor.run
        self._loop = loop
        self._calls = calls
        self._output: str | None = None
        self._patches: dict[str, bool] | None = None
        self._recording: dict[str, asyncio.Future[Any]] | None = None
        self.handlers: Handlers | None = None
        self.continued: Data = None

    @property
    def replaying(self) -> bool:
        """Whether the node is still catching up with what is recorded."""
        return self._calls.replaying

    def now(self) -> datetime:
        """Return the time of the latest event the node has taken in."""
        return datetime.fromtimestamp(self._loop.now, UTC)

    # -- calls -------------------------------------------------------------------------

    def call(self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return an awaitable of the result of *node*."""
        callee = callee_of(node, self._run.services)
        return self._made(node, self._ask(node, callee, args, kwargs), callee.returns)

    def _ask(
        self,
        node: Any,
        callee: Callee,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Ask:
        data = self._given(args, kwargs)
        kind, name, undo = callee.kind, callee.name, callee.undo
        started = ev.ActivationStarted(kind, name, input=data, undo=undo)
        return Ask(callee.part, started, Work(node, call_of(data), callee.step))

    def start_child(
        self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ChildHandle:
        """Start an execution of its own; return its handle."""
        child = as_child(node)
        assert child is not None
        self._run.services.define(child.workflow)
        number = self._calls.number(child.key)
        callee = callee_of(child, self._run.services)
        pending = self._calls.start(number, self._ask(child, callee, args, kwargs))
        visit = self._run.state.activations[self._actor.address].visit
        return ChildHandle(self, self._run.child_id(pending.address, visit), pending)

    def end_of(self, pending: Any) -> Any:
        """Return an awaitable of what a started child gives."""
        return self._calls.end_of(pending, Any)

    def tell_child(
        self, child: ChildHandle, command: str, data: Mapping[str, Any]
    ) -> Any:
        """Return an awaitable that ends when the child is sure to be told."""
        given = {"execution": child.id, "address": child.address, "command": command}
        written = {
            name: self._run.services.codec.to_data(value, path=name)
            for name, value in data.items()
            if value is not None
        }
        started = ev.ActivationStarted(
            "tell_child", command, input={**given, "data": written}
        )
        number = self._calls.number()
        return self._calls.result(number, Ask("tell", started, TELL), Any)

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Data:
        values = self._run.services.codec
        return call_data(
            tuple(
                values.to_record(a, path=f"argument {n}") for n, a in enumerate(args)
            ),
            {name: values.to_record(a, path=name) for name, a in kwargs.items()},
        )

    def call_map(
        self, node: Any, items: list[Any], limit: int | None, on_error: Any
    ) -> Any:
        """Return an awaitable of the list of results."""
        values, callee = self._run.services.codec, callee_of(node, self._run.services)
        fan = Map(over=[], activity=node, max_concurrency=limit, on_error=on_error)
        given = {
            "items": [
                values.to_record(i, path=f"items[{n}]") for n, i in enumerate(items)
            ],
            "bodies": [[callee.kind, callee.name, callee.undo]],
            "limit": limit,
            "on_error": on_error,
        }
        work = Work(None, NO_CALL, Step(callee.name, map=fan))
        started = ev.ActivationStarted("map", callee.name, input=given)
        each = callee.returns if on_error != "continue" else Any
        hint = list[each]  # type: ignore[valid-type]
        return self._made(node, Ask(callee.part, started, work), hint)

    def _made(self, node: Any, ask: Ask, hint: Any) -> Awaitable[Any]:
        """Give a call its number; return an awaitable of its result."""
        if self._actor.address.count("/") >= NESTED:
            message = f"calls are nested {NESTED} deep, the last of them of {ask.name}"
            raise RecursionError(message)
        number = self._calls.number(getattr(node, "key", None))
        branch = getattr(node, "branch", None)
        if branch == "sub":
            branch = f"{self.branch}.{ask.name}@{number.strip(':')}".lstrip(".")
        if branch is not None:
            ask = evolve(ask, started=evolve(ask.started, branch=branch))
        as_output = getattr(node, "as_output", False)
        make = self._as_output if as_output else self._calls.result
        return make(number, ask, hint)

    @property
    def branch(self) -> str:
        """What the node is set apart under."""
        return branch_of(self._run.state.activations[self._actor.address])

    async def _as_output(self, number: str, ask: Ask | None, hint: Any) -> Any:
        if self._output not in (None, number):
            message = f"the output is that of call {self._output} already"
            raise ActivityError(message, type="output")
        self._output = number
        try:
            return await self._calls.result(number, ask, hint)
        except BaseException:
            self._output = None
            raise

    def output(self, bound: BoundActivity, value: Any) -> Data:
        """Return what the node gives: its own result, or that of a call of its."""
        if self._output is None:
            return bound.result(value)
        if value is not None:
            message = f"returns a value, but its output is that of call {self._output}"
            raise ActivityError(message, type="output")
        calls = self._run.state.activations[self._actor.address].calls or {}
        return calls[self._output].value

    # -- waits -------------------------------------------------------------------------

    def sleeping(self, when: float) -> Ask:
        """Return the call that ends when the log's time has come to *when*."""
        wait = ev.WaitStarted(0, "time", deadline=round(when, 6))
        started = ev.ActivationStarted("sleep", "timer")
        return Ask("timer", started, SLEEP, lambda address: [(address, wait)])

    def sleep(self, seconds: float) -> Any:
        """Return an awaitable that ends after *seconds*."""
        return asyncio.sleep(seconds)  # noqa: TID251 - on this loop it is a timer

    def wait_signal(self, topic: str, timeout: float | None) -> Any:
        """Return an awaitable of a signal."""
        name = f"signal {topic!r}"
        if self.handlers is not None and name in self.handlers:
            reason = "it takes every signal; do not wait for them as well"
            raise HandlerError(name, reason)
        number = self._calls.number()
        return self._calls.result(number, self.signalled(topic, timeout), Any)

    def on_signal(self, topic: str, handler: Callable[[Any], Any]) -> None:
        """Let *handler* have every signal on *topic*."""
        check_name("a signal", topic)
        self._handling().on_signal(self.signalled(topic), topic, handler)

    def on_update(
        self,
        name: str,
        handler: Callable[[Any], Any],
        validator: Callable[[Any], Any] | None,
    ) -> None:
        """Let *handler* do every update of that name."""
        check_name("an update", name)
        self._handling().on_update(_updated(name), name, handler, validator)

    def on_query(self, name: str, function: Callable[..., Any]) -> None:
        """Let *function* answer every query of that name."""
        self._handling().on_query(name, function)

    def continue_as_new(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Let the node begin anew."""
        self.must_not_look()
        if not self._loop.in_main:
            message = "only the node itself can continue as new, not a handler or task"
            raise ActivityError(message, type="invalid_input")
        if self.handlers is not None and self.handlers.listening:
            reason = "`await ctx.close_handlers()` first, so that nothing told is lost"
            raise HandlerError("this node", reason)
        data = self._given(args, kwargs)
        self._actor.check_input(data)
        self.continued = data
        raise Continued

    async def close_handlers(self) -> None:
        """Take no further messages; return when no handler is at work."""
        self.must_not_look()
        if self.handlers is not None:
            await self.handlers.closed()

    @property
    def calls_made(self) -> int:
        """How many calls the node has made."""
        return self._calls.made

    @property
    def seed(self) -> str:
        """What the node's chance comes from."""
        return ":".join(
            part
            for part in (self._run.id, self._actor.address, self._calls.prefix)
            if part
        )

    def _handling(self) -> Handlers:
        self.must_not_look()
        if self.handlers is None:
            self.handlers = Handlers(self._actor, self._loop, self._calls)
        return self.handlers

    def must_not_look(self) -> None:
        """Refuse to change anything while a query is being answered."""
        self._loop.must_not_look()

    def signalled(self, topic: str, timeout: float | None = None) -> Ask:
        """Return the call that ends with the next signal on *topic*."""
        started = ev.ActivationStarted("wait_signal", topic, input=_of_topic(topic))

        def facts(address: str) -> Any:
            now, state = self._run.services.clock.time(), self._run.state
            return wait_for_signal(state, address, 0, topic, timeout, now)

        return Ask(f"signal:{quoted(topic)}", started, SIGNAL, facts)

    def ask_person(self, asked: Question) -> Any:
        """Return an awaitable of an answer, or of its default when time is over."""
        number = self._calls.number()
        name = asked.id or f"{self._actor.address}#{number}"
        work = Work(asked, NO_CALL, ASK)
        started = ev.ActivationStarted("ask", name, input=asked.prompt)
        schema = schema_of(asked.schema)

        def facts(address: str) -> Any:
            other = self._run.state.questions.get(name)
            if other is not None:
                return [(address, ev.ActivationFailed(_taken(name, address, other)))]
            now = self._run.services.clock.time()
            return [(address, question(name, asked.prompt, asked.timeout, schema, now))]

        ask = Ask(f"ask:{quoted(asked.id or '')}", started, work, facts)
        return self._calls.result(number, ask, asked.hint)

    # -- values ------------------------------------------------------------------------

    async def emit(self, value: Any) -> None:
        """Record a value for those above."""
        self.must_not_look()
        data = self._run.services.codec.to_record(value, path="emit")
        self._calls.emitted += 1
        activation = self._run.state.activations[self._actor.address]
        if self._calls.emitted > activation.emitted:  # else it was before the restart
            await self._actor.emit(data)

    async def record(self, key: str, fn: Callable[..., Any], args: Any) -> Any:
        """Return what is recorded under *key*; call *fn* if nothing is."""
        under_way = (self._recording or {}).get(key)
        if under_way is not None:
            await asyncio.shield(under_way)
        if not await self.may_recall(key):
            value = fn(*args)
            if inspect.isawaitable(value):
                value = await self._awaited(key, value)
            self.keep(key, value)
        return self.recall(key)

    async def may_recall(self, key: str) -> bool:
        """Return whether something is recorded under *key*; if not, it may be made."""
        known = key in self._records
        if not known:
            self.must_not_look()
            await self._actor.wait_until_durable()  # making it may touch the world
        return known

    def keep(self, key: str, value: Any) -> None:
        """Record *value* under *key*."""
        data = self._run.services.codec.to_record(value, path=f"record({key!r})")
        self._note(key, data)

    def recall(self, key: str) -> Any:
        """Return what is recorded under *key*."""
        data = self._records[key]
        return self._run.services.codec.from_data(data, path=f"record({key!r})")

    async def _awaited(self, key: str, value: Awaitable[Any]) -> Any:
        if self._recording is None:
            self._recording = {}
        done = self._recording[key] = self._loop.create_future()
        try:
            return await value
        finally:
            del self._recording[key]
            done.set_result(None)

    def patched(self, patch_id: str) -> bool:
        """Return whether this activation has taken, or may take, the new way."""
        if self._patches is None:
            self._patches = {}
        if patch_id not in self._patches:
            self._patches[patch_id] = self.takes(f"patch:{patch_id}")
        return self._patches[patch_id]

    def takes(self, patch: str) -> bool:
        """Return whether the new way was taken; where nothing was, take it."""
        if patch in self._records:
            return True
        if self.replaying:
            return False
        self._note(patch, data=True)
        return True

    @property
    def _records(self) -> dict[str, Any]:
        return self._run.state.activations[self._actor.address].records or {}

    def _note(self, key: str, data: Any) -> None:
        self.must_not_look()
        self._run.record_one(self._actor.address, ev.ValueRecorded(key, data))


def _updated(name: str) -> Ask:
    """Return the call that ends with the next update of that name."""
    started = ev.ActivationStarted("update", name)
    wait = ev.WaitStarted(0, "update", name)
    return Ask(f"update:{quoted(name)}", started, UPDATE, lambda at: [(at, wait)])


def _taken(name: str, address: str, other: str) -> Failure:
    return Failure(
        type="question",
        message=f"question {name!r} is open already, asked at {other}",
        address=address,
        node=name,
    )
