"""The handlers of a dynamic node: what it does about messages while it does the rest.

A handler listens in a task of its own, by waits like those that the node could make
itself. So a message is consumed in the order of the log, and replays where it came.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from actorflow.errors import HandlerError
from actorflow.runtime.binding import hints_of

if TYPE_CHECKING:
    from actorflow.runtime.nodeloop import NodeLoop

Caller = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function where the node's own code runs, and awaits what it returns."""


class Listener:
    """One handler: what it hears of, and whether it is at work.

    Attributes:
        hint: what a message is brought back as.
        busy: it has taken a message, and is not done with it.
    """

    def __init__(self, name: str, handler: Callable[[Any], Any], hint: Any) -> None:
        self.name = name
        self.handler = handler
        self.hint = hint
        self.busy = False
        self.task: asyncio.Task[None] | None = None


class Handlers:
    """The handlers of one node.

    Attributes:
        failure: what came out of a handler; the node fails with it.
    """

    def __init__(self, loop: NodeLoop, call: Caller) -> None:
        self._loop = loop
        self._call = call
        self._listeners: dict[str, Listener] = {}
        self._closed = False
        self.failure: BaseException | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._listeners

    @property
    def busy(self) -> bool:
        """Whether a handler is at work that the node has to wait for."""
        working = any(each.busy for each in self._listeners.values())
        return working and self.failure is None

    def close(self) -> bool:
        """Take no further message; return whether a handler was listening."""
        first, self._closed = not self._closed, True
        idle = [each for each in self._listeners.values() if not each.busy]
        for listener in idle if first else ():
            if listener.task is not None:
                listener.task.cancel()
        return first and bool(idle)

    def listen(
        self,
        name: str,
        handler: Callable[[Any], Any],
        wait: Callable[[Any], Awaitable[Any]],
        *,
        blocking: bool,
    ) -> None:
        """Call *handler* with what *wait* gives, time after time.

        Args:
            name: what it hears of, as an error shows it.
            handler: takes the message.
            wait: returns an awaitable of the next message, given its type.
            blocking: the node is a ``def``, so its handlers are as well.

        Raises:
            HandlerError: there is one already, or *handler* cannot be called.
        """
        if name in self._listeners:
            raise HandlerError(name, "there is a handler already")
        hint = _checked(name, handler, blocking=blocking)
        listener = self._listeners[name] = Listener(name, handler, hint)
        listener.task = self._loop.create_task(self._listen(listener, wait))
        listener.task.add_done_callback(self._ended)

    async def _listen(
        self, listener: Listener, wait: Callable[[Any], Awaitable[Any]]
    ) -> None:
        while not self._closed:
            message = await wait(listener.hint)
            listener.busy = True
            try:
                await self._call(lambda: listener.handler(message))  # noqa: B023 - called in this round
            except Exception as error:
                error.add_note(f"in the handler of {listener.name}")
                raise
            finally:
                listener.busy = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let the node fail with what came out of a handler."""
        error = None if task.cancelled() else task.exception()
        if error is not None and self.failure is None:
            self.failure = error
            self._loop.interrupt()


def _checked(name: str, handler: Any, *, blocking: bool) -> Any:
    """Return what the handler's one parameter is annotated with, or Any."""
    if not callable(handler):
        raise HandlerError(name, f"a handler is a function, not {handler!r}")
    if blocking and inspect.iscoroutinefunction(handler):
        raise HandlerError(name, "a `def` node takes handlers that are `def` as well")
    try:
        parameters = inspect.signature(handler).parameters
        inspect.signature(handler).bind(None)
    except TypeError as error:
        raise HandlerError(name, f"a handler takes one argument: {error}") from None
    except ValueError:  # a builtin tells nothing of its parameters
        return Any
    return hints_of(handler).get(next(iter(parameters)), Any)
