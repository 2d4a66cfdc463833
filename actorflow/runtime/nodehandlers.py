"""The handlers of a dynamic node: what it does about messages while it does the rest.

A handler listens in a task of its own, by waits like those that the node could make
itself. So a message is consumed in the order of the log, and replays where it came.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actorflow.errors import HandlerError
from actorflow.model import events as ev
from actorflow.model.events import Data, Failure
from actorflow.runtime.binding import hints_of
from actorflow.runtime.nodecalls import AS_RECORDED
from actorflow.runtime.nodefailure import failure_in

if TYPE_CHECKING:
    from actorflow.runtime.dynamic import DynamicActor
    from actorflow.runtime.nodecalls import Ask, Calls
    from actorflow.runtime.nodeloop import NodeLoop

Handler = Callable[[Any], Any]
Serve = Callable[[Any], Coroutine[Any, Any, None]]


class Listener:
    """One handler: what it hears of, and how far it is.

    Attributes:
        number: of the wait for its next message.
        busy: it has been given a message, and is not done with it.
    """

    def __init__(self, name: str, ask: Ask, serve: Serve) -> None:
        self.name = name
        self.ask = ask
        self.serve = serve
        self.number = ""
        self.busy = False
        self.task: asyncio.Task[None] | None = None


class Handlers:
    """The handlers of one node.

    Attributes:
        node: address of the node.
        updates: of each name the type of its value, and its validator.
        queries: the function that answers each.
        failure: what came out of a handler; the node fails with it.
    """

    def __init__(self, actor: DynamicActor, loop: NodeLoop, calls: Calls) -> None:
        self._actor = actor
        self._values = actor.run.services.codec
        self._loop = loop
        self._calls = calls
        self._listeners: dict[str, Listener] = {}
        self._closed = False
        self._rested: asyncio.Future[None] | None = None
        self.node = actor.address
        self.updates: dict[str, tuple[Any, Handler | None]] = {}
        self.queries: dict[str, Callable[..., Any]] = {}
        self.failure: BaseException | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._listeners

    # -- installing --------------------------------------------------------------------

    def on_signal(self, ask: Ask, topic: str, handler: Handler) -> None:
        """Let *handler* have what *ask* gives, time after time."""
        name = f"signal {topic!r}"
        hint = self._checked(name, handler)

        async def serve(data: Data) -> None:
            payload = self._values.from_data(data, hint, path=name)
            await self._actor.call(lambda: handler(payload))

        self._listen(Listener(name, ask, serve))

    def on_update(
        self, ask: Ask, name: str, handler: Handler, validator: Handler | None
    ) -> None:
        """Let *handler* do the updates that *ask* gives, and answer them."""
        full_name = f"update {name!r}"
        hint = self._checked(full_name, handler)
        if validator is not None:
            _check_call(f"validator of {full_name}", validator, blocking=True)

        async def serve(data: Data) -> None:
            result, failure = await self._result(full_name, handler, hint, data)
            self._answer(name, data["key"], result, failure)

        self._listen(Listener(full_name, ask, serve))
        self.updates[name] = hint, validator
        self._actor.run.to_serve().enter(self)

    def on_query(self, name: str, function: Callable[..., Any]) -> None:
        """Let *function* answer the queries of that name."""
        check_name("a query", name)
        full_name = f"query {name!r}"
        if name in self.queries:
            raise HandlerError(full_name, "there is a handler already")
        _check_function(full_name, function, blocking=True)
        self.queries[name] = function
        self._actor.run.to_serve().enter(self)

    def _checked(self, name: str, handler: Handler) -> Any:
        """Return what the handler's one parameter is annotated with, or Any."""
        if name in self._listeners:
            raise HandlerError(name, "there is a handler already")
        return _check_call(name, handler, blocking=self._actor.is_blocking)

    # -- listening ---------------------------------------------------------------------

    def _listen(self, listener: Listener) -> None:
        if self._closed:
            raise HandlerError(listener.name, "the node has closed its handlers")
        self._listeners[listener.name] = listener
        listener.task = self._loop.create_task(self._serve(listener))
        listener.task.add_done_callback(self._ended)

    async def _serve(self, listener: Listener) -> None:
        while not self._closed:
            listener.number = self._calls.number()
            data = await self._calls.result(listener.number, listener.ask, AS_RECORDED)
            listener.busy = True
            try:
                await listener.serve(data)
            except Exception as error:
                error.add_note(f"in the handler of {listener.name}")
                raise
            finally:
                listener.busy = False
                if self._rested is not None and not self._rested.done():
                    self._rested.set_result(None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let the node fail with what came out of a handler."""
        error = None if task.cancelled() else task.exception()
        if error is not None and self.failure is None:
            self.failure = error
            self._loop.interrupt()

    @property
    def busy(self) -> bool:
        """Whether a handler is at work that the node has to wait for."""
        working = any(each.busy for each in self._listeners.values())
        return working and self.failure is None

    @property
    def listening(self) -> bool:
        """Whether messages are still being taken."""
        return bool(self._listeners) and not self._closed

    async def closed(self) -> None:
        """Take no further message, and return when no handler is at work."""
        self.close()
        while self.busy:
            self._rested = self._loop.create_future()
            await self._rested

    def close(self) -> bool:
        """Take no further message; return whether a handler was listening."""
        if self._closed:
            return False
        self._closed = True
        idle = []
        for listener in self._listeners.values():
            # What was handed to it already will not be handed to anybody else.
            listener.busy = listener.busy or self._calls.is_told(listener.number)
            if not listener.busy and listener.task is not None:
                idle.append(listener.task.cancel())
        return any(idle)

    # -- updates and queries -----------------------------------------------------------

    @property
    def at_work(self) -> bool:
        """Whether the node is in the middle of something: its thread may be at work."""
        return self._loop.held is not None

    def validate(self, name: str, data: Data) -> None:
        """Raise what speaks against an update, if anything does."""
        hint, validator = self.updates[name]
        value = self._values.from_data(data, hint, path=name)
        if validator is not None:
            with self._looking():
                validator(value)

    def look(self, name: str, args: Sequence[Data]) -> Data:
        """Return what the query of that name gives."""
        given = [self._values.from_data(each, path=name) for each in args]
        with self._looking():
            return self._values.to_data(self.queries[name](*given), path=name)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        self._loop.looking = True
        try:
            yield
        finally:
            self._loop.looking = False

    async def _result(
        self, name: str, handler: Handler, hint: Any, data: Data
    ) -> tuple[Data, Failure | None]:
        """Do an update; return what it gives, or why it failed."""
        try:
            value = self._values.from_data(data["value"], hint, path=name)
            result = await self._actor.call(lambda: handler(value))
            return self._values.to_record(result, path=f"result of {name}"), None
        except Exception as error:  # noqa: BLE001 - its caller is told
            return None, failure_in(error, self.node, name)

    def _answer(self, name: str, key: str, data: Data, error: Failure | None) -> None:
        """Record what came of an update, unless that is in the log already."""
        run = self._actor.run
        update = run.state.updates.get((name, key))
        if update is not None and not update.answered:
            run.record_one(self.node, ev.UpdateAnswered(name, key, data, error))
            run.to_serve().answered(name, key, data, error)


def check_name(kind: str, name: str) -> None:
    """Raise `HandlerError` unless *name* can be the name of something handled."""
    if not name:
        raise HandlerError(kind, "it needs a name")


def _check_function(name: str, function: Any, *, blocking: bool) -> None:
    if blocking and inspect.iscoroutinefunction(function):
        raise HandlerError(name, "it must be a plain `def` here, not `async def`")


def _check_call(name: str, handler: Any, *, blocking: bool) -> Any:
    """Return what the one parameter of a handler is annotated with, or Any."""
    _check_function(name, handler, blocking=blocking)
    try:
        parameters = inspect.signature(handler).parameters
        inspect.signature(handler).bind(None)
    except TypeError as error:
        raise HandlerError(name, f"it has to take one argument: {error}") from None
    except ValueError:  # a builtin tells nothing of its parameters
        return Any
    return hints_of(handler).get(next(iter(parameters)), Any)
