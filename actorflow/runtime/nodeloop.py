"""The event loop of a dynamic node: asyncio without threads, sockets or a clock.

It holds what is ready and runs it when its actor says so. Time is that of the log, so
it stands still between events; a timer is a durable sleep, made by the node's actor.
What cannot be repeated after a restart is refused, with the name of what can.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, NoReturn, Protocol

from actorflow.errors import NotDurableError

logger = logging.getLogger(__name__)

_PATH: contextvars.ContextVar[_Path] = contextvars.ContextVar("actorflow_task_path")


class _Path:
    """Where a task stands among the tasks of its node: the same in every replay."""

    __slots__ = ("calls", "name", "tasks")

    def __init__(self, name: str) -> None:
        self.name = name
        self.tasks = 0
        self.calls = 0


def next_call() -> str:
    """Return the number of the calling task's next call: ``2``, or ``1.3:2``."""
    path = _PATH.get()
    path.calls += 1
    return f"{path.name}:{path.calls}" if path.name else str(path.calls)


class NodeTimer(asyncio.TimerHandle):
    """A timer that knows the address of the sleep it is made of."""

    __slots__ = ("address",)
    address: str


class Timers(Protocol):
    """What makes a loop's timers durable."""

    def start_timer(self, handle: NodeTimer) -> None:
        """Let *handle* run when its time has come."""
        ...

    def cancel_timer(self, handle: NodeTimer) -> None:
        """Forget *handle*."""
        ...


class NodeLoop(asyncio.AbstractEventLoop):
    """Runs a coroutine and its tasks, one turn at a time."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._ready: deque[asyncio.Handle] = deque()
        self._root = _Path("")
        self._running = False
        self.now = 0.0
        self.unhandled: list[BaseException] = []

    def run_ready(self) -> None:
        """Run callbacks until none is ready."""
        before = events._get_running_loop()  # noqa: SLF001 - as asyncio's own loops do
        events._set_running_loop(self)  # noqa: SLF001
        self._running = True
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - part of the loop's protocol
        finally:
            self._running = False
            events._set_running_loop(before)  # noqa: SLF001

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Make the task of the node itself."""
        context = contextvars.copy_context()
        context.run(_PATH.set, self._root)
        return asyncio.Task(coroutine, loop=self, context=context)

    # -- what asyncio asks of a loop ---------------------------------------------------

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """Run *callback* in this turn, after what is ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: Any = None,
    ) -> asyncio.TimerHandle:
        """Run *callback* in *delay* seconds; durable."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Run *callback* when the log's time has come to *when*; durable."""
        handle = NodeTimer(when, callback, args, self, context)
        self._timers.start_timer(handle)
        return handle

    def _timer_handle_cancelled(self, handle: NodeTimer) -> None:
        self._timers.cancel_timer(handle)

    def run_timer(self, handle: asyncio.TimerHandle) -> None:
        """A timer is over: run its callback with the next turn."""
        self._ready.append(handle)

    def time(self) -> float:
        """Return the time of the latest event the node has taken in."""
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **_: Any,
    ) -> asyncio.Task[Any]:
        """Make a task; its place among its parent's tasks is its identity."""
        parent = _PATH.get(self._root)
        parent.tasks += 1
        prefix = f"{parent.name}." if parent.name else ""
        context = context.copy() if context else contextvars.copy_context()
        context.run(_PATH.set, _Path(f"{prefix}{parent.tasks}"))
        return asyncio.Task(coro, loop=self, name=name, context=context)  # type: ignore[arg-type]

    def is_running(self) -> bool:
        """Whether a turn is being run."""
        return self._running

    def is_closed(self) -> bool:
        """Return False: a loop ends with its node."""
        return False

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def get_task_factory(self) -> None:
        """Return None: tasks are asyncio's own."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what nobody awaited."""
        error = context.get("exception")
        logger.warning("%s", context.get("message"), exc_info=error)

    async def shutdown_asyncgens(self) -> None:
        """Do nothing."""

    def _asyncgen_firstiter_hook(self, agen: Any) -> None:
        """Do nothing."""


_INSTEAD = {
    "run_in_executor": "run what blocks as an activity: `await ctx.run(activity, ...)`",
    "call_soon_threadsafe": "send a signal, and await `ctx.wait_signal(topic)`",
    "getaddrinfo": "talk to the network in an activity",
    "create_connection": "talk to the network in an activity",
    "create_server": "talk to the network in an activity",
    "create_datagram_endpoint": "talk to the network in an activity",
    "create_unix_connection": "talk to the network in an activity",
    "sock_recv": "talk to the network in an activity",
    "sock_connect": "talk to the network in an activity",
    "sock_sendall": "talk to the network in an activity",
    "add_reader": "talk to the network in an activity",
    "add_writer": "talk to the network in an activity",
    "subprocess_exec": "start programs in an activity",
    "subprocess_shell": "start programs in an activity",
    "add_signal_handler": "await `ctx.wait_signal(topic)`",
    "run_until_complete": "await it",
    "run_forever": "await it",
}


def _refusing(name: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(self: NodeLoop, *_: Any, **__: Any) -> NoReturn:
        raise NotDurableError(f"loop.{name}", instead)

    return refuse


for _name, _hint in _INSTEAD.items():
    setattr(NodeLoop, _name, _refusing(_name, _hint))
