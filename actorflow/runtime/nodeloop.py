"""The event loop of a dynamic node: asyncio without threads, sockets or a clock.

It holds what is ready and runs it when its actor says so. Time is that of the log, so
it stands still between events; a timer is a durable sleep, made by the node's actor.
What cannot be repeated after a restart is refused, with the name of what can.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import logging
import threading
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import suppress
from typing import Any, ClassVar, NoReturn, Protocol

from actorflow.errors import NotDurableError, ReadOnlyError
from actorflow.runtime.nodeplace import awaiting, calling

logger = logging.getLogger(__name__)

TURN = 1_000
"""Callbacks run in one turn of the actor; then others get theirs."""
_NUMBERS = tuple(map(str, range(100)))  # most nodes' calls have one of these
STUBBORN = 100
"""How often a coroutine that is closed may go on waiting, or calling."""


class Gone(BaseException):
    """The node has left memory, or has ended: it can call nothing any more."""

    def __str__(self) -> str:
        return "the node has left memory, or has ended; its context can do no more"


class Continued(BaseException):
    """The node is to begin anew: unwinds it, and is nobody's to catch."""


class Path:
    """Where a task stands among the tasks of its node: the same in every replay."""

    __slots__ = ("calls", "name", "tasks")

    def __init__(self, name: str) -> None:
        self.name = name
        self.tasks = 0
        self.calls = 0

    def next_call(self) -> str:
        """Return the number of the next call: ``2``, or ``1.3:2`` in a task."""
        self.calls += 1
        if self.name:
            return f"{self.name}:{self.calls}"
        return _NUMBERS[self.calls] if self.calls < len(_NUMBERS) else str(self.calls)

    def next_task(self) -> Path:
        """Return the path of the next task that is made here."""
        self.tasks += 1
        prefix = f"{self.name}." if self.name else ""
        return Path(f"{prefix}{self.tasks}")


class NodeTask(asyncio.Task[Any]):
    """A task that stands in sets where it stood before the restart.

    Asyncio keeps tasks in sets, and so do users; the order of a set is that of its
    hashes, and those of ordinary objects are different in every process.
    """

    def __init__(self, coro: Any, *, path: Path, serial: int, **options: Any) -> None:
        self.path = path
        self._serial = serial
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other


class NodeTimer(asyncio.TimerHandle):
    """A timer, which is a call of the node that has not ended: see `Pending`."""

    __slots__ = ("address", "number")
    number: str
    address: str
    detached: ClassVar[bool] = False


class Timers(Protocol):
    """What makes a loop's timers durable."""

    def start_timer(self, handle: NodeTimer) -> None:
        """Let *handle* run when its time has come."""
        ...

    def cancel_timer(self, handle: NodeTimer) -> None:
        """Forget *handle*."""
        ...


class NodeLoop(Path, asyncio.AbstractEventLoop):
    """Runs a coroutine and its tasks, one turn at a time.

    It is the path of the node's own task, at which all others begin.

    Attributes:
        now: the time of the latest event the node has taken in.
        held: a future without which nothing else may go on.
        looking: a query is being answered, which may change nothing.
    """

    __slots__ = (
        "_main",
        "_ready",
        "_running",
        "_serial",
        "_tasks",
        "_timers",
        "held",
        "looking",
        "now",
    )

    def __init__(self, timers: Timers) -> None:
        super().__init__("")
        self._timers = timers
        # None while nothing is: an empty deque would be most of a resting node.
        self._ready: deque[asyncio.Handle] | None = None
        self._running = False
        self._serial = 0
        self._main: asyncio.Task[Any] | None = None
        self._tasks: dict[asyncio.Task[Any], None] | None = None
        self.now = 0.0
        self.held: asyncio.Future[None] | None = None
        self.looking = False

    def start(
        self, coroutine: Coroutine[Any, Any, Any], name: str
    ) -> asyncio.Task[Any]:
        """Make the task of the node itself."""
        self._main = _quiet(asyncio.Task(coroutine, loop=self, name=name))
        # Nobody looks for it in `asyncio.all_tasks`, where its entry would be large.
        asyncio.tasks._unregister_task(self._main)  # noqa: SLF001 - as eager tasks do
        return self._main

    def run_ready(self) -> bool:
        """Run what is ready; return whether nothing is left that is."""
        before = events._get_running_loop()  # noqa: SLF001 - as asyncio's own loops do
        events._set_running_loop(self)  # noqa: SLF001
        self._running = True
        left = TURN
        try:
            while self._ready and left and self.held is None:
                handle = self._ready.popleft()
                left -= 1
                if not handle.cancelled():
                    _run(handle)
        finally:
            self._running = False
            events._set_running_loop(before)  # noqa: SLF001
        if self._ready:
            return False
        self._ready = None
        return True

    def hold(self) -> asyncio.Future[None]:
        """Return a future that the current task waits for, and the whole node with it.

        So nothing can happen meanwhile that would not happen without the wait.
        """
        self.held = self.create_future()
        return self.held

    def release(self) -> None:
        """Let the node go on, first of all the task it was held for."""
        held, self.held = self.held, None
        if held is not None and not held.done():
            held.set_result(None)
            assert self._ready is not None
            self._ready.rotate(1)  # what that made ready is behind all else

    def must_not_look(self) -> None:
        """Refuse to change anything while a query is being answered.

        Raises:
            ReadOnlyError: one is.
        """
        if self.looking:
            raise ReadOnlyError

    def number_call(self) -> str:
        """Return the number of the running task's next call."""
        return self._path().next_call()

    def place(self) -> str | None:
        """Return the line of code that is being run, or at which the node waits."""
        here = calling(NodeLoop.run_ready.__code__) if self._running else None
        if here is not None:
            return here
        return None if self._main is None else awaiting(self._main.get_coro())

    def _path(self) -> Path:
        task = asyncio.current_task(self)
        return task.path if isinstance(task, NodeTask) else self

    def count_from(self, prefix: str) -> None:
        """Let the numbers of calls and tasks begin with *prefix*."""
        self.name = prefix

    @property
    def in_main(self) -> bool:
        """Whether it is the node itself that runs, and not a task it has made."""
        return asyncio.current_task(self) is self._main

    def interrupt(self) -> None:
        """Cancel the node itself: something beside it has failed."""
        if self._main is not None:
            self._main.cancel()

    def cancel_tasks(self) -> bool:
        """Cancel every task that is not done; return whether there was any."""
        tasks = [task for task in self._tasks or () if not task.done()]
        for task in tasks:
            task.cancel()
        return bool(tasks)

    @property
    def has_tasks(self) -> bool:
        """Whether a task of the node's own making is not done."""
        return any(not task.done() for task in self._tasks or ())

    def abandon(self) -> None:
        """Unwind the coroutines: the node leaves memory, or has ended."""
        tasks = list(self._tasks or ())
        if self._main is not None:
            tasks.insert(0, self._main)
        before = events._get_running_loop()  # noqa: SLF001
        events._set_running_loop(self)  # noqa: SLF001
        try:
            for task in tasks:
                if not task.done():
                    _close(task.get_coro())
        finally:
            events._set_running_loop(before)  # noqa: SLF001
        self._ready = None
        self._tasks = None

    def __del__(self) -> None:
        # A simulated crash stops no actor; coroutines must not end one by one.
        if self._tasks or (self._main is not None and not self._main.done()):
            self.abandon()

    # -- what asyncio asks of a loop ---------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """Run *callback* in this turn, after what is ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self._make_ready(handle)
        return handle

    def _make_ready(self, handle: asyncio.Handle) -> None:
        self.must_not_look()
        if self._ready is None:
            self._ready = deque()
        self._ready.append(handle)

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: Any = None,
    ) -> asyncio.TimerHandle:
        """Run *callback* in *delay* seconds; durable."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Run *callback* when the log's time has come to *when*; durable."""
        handle = NodeTimer(when, callback, args, self, context)
        handle.number = ""
        self._timers.start_timer(handle)
        return handle

    def _timer_handle_cancelled(self, handle: NodeTimer) -> None:
        self._timers.cancel_timer(handle)

    def run_timer(self, handle: asyncio.TimerHandle) -> None:
        """A timer is over: run its callback with the next turn."""
        self._make_ready(handle)

    def time(self) -> float:
        """Return the time of the latest event the node has taken in."""
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        **options: Any,
    ) -> asyncio.Task[Any]:
        """Make a task; its place among its parent's tasks is its identity."""
        self._serial += 1
        path = self._path().next_task()
        # Asyncio counts the tasks of the process, which a replay would not repeat.
        options.setdefault("name", f"Task-{path.name}")
        task = NodeTask(coro, path=path, serial=self._serial, loop=self, **options)
        _quiet(task)
        if self._tasks is None:
            self._tasks = {}
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        if self._tasks is not None:
            self._tasks.pop(task, None)

    def is_running(self) -> bool:
        """Whether a turn is being run."""
        return self._running

    def is_closed(self) -> bool:
        """Return False: a loop ends with its node."""
        return False

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001 - asyncio's signature
        """Do nothing."""

    def get_task_factory(self) -> None:
        """Return None: tasks are asyncio's own."""

    def get_exception_handler(self) -> None:
        """Return None: what nobody awaited is logged."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what nobody awaited."""
        error = context.get("exception")
        logger.warning("%s", context.get("message"), exc_info=error)

    async def shutdown_asyncgens(self) -> None:
        """Do nothing: they end with the node."""


def _run(handle: asyncio.Handle) -> None:
    try:
        handle._run()  # noqa: SLF001 - part of the loop's protocol
    except SystemExit:
        pass  # asyncio has given it to the task, and raises it here once more
    except KeyboardInterrupt:
        if threading.current_thread() is threading.main_thread():
            raise  # somebody has pressed a key


def _quiet(task: asyncio.Task[Any]) -> asyncio.Task[Any]:
    """Let *task* vanish unfinished without a word: its node may leave memory."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    return task


def _close(coroutine: Any) -> None:
    """Unwind a coroutine; what it awaits in its ``finally`` leads nowhere.

    Not by its `close`: that gives up at the first thing awaited, half done.
    """
    with suppress(BaseException):  # user code may raise anything, `StopIteration` too
        for _ in range(STUBBORN):
            coroutine.throw(Gone())
        _keep(coroutine)


def _keep(coroutine: Any) -> None:
    """Let a coroutine that catches everything be for ever, at its `await`.

    When Python lets go of it, it is unwound once more: a loop around a bare `except`
    would catch that as well, and never return.
    """
    logger.warning(
        "%s cannot be left: it catches what unwinds it, and goes on; write `except "
        "Exception`, or raise again what it catches",
        coroutine.__qualname__,
    )
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def _ordered(original: Callable[..., Any]) -> Callable[..., Any]:
    """Make `asyncio.as_completed` take tasks in the order in which they are given.

    It makes tasks of coroutines in the order of a set, which is another one in every
    process; a dynamic node needs to know which task is which.
    """

    @functools.wraps(original)
    def as_completed(fs: Iterable[Any], *, timeout: float | None = None) -> Any:
        loop = events._get_running_loop()  # noqa: SLF001 - None where the public raises
        single = asyncio.iscoroutine(fs) or asyncio.isfuture(fs)
        if isinstance(loop, NodeLoop) and not single:
            fs = [asyncio.ensure_future(each) for each in dict.fromkeys(fs)]
        return original(fs, timeout=timeout)

    return as_completed


asyncio.as_completed = asyncio.tasks.as_completed = _ordered(asyncio.as_completed)


_NETWORK = "talk to the network in an activity: `await ctx.run(activity, ...)`"
_PROGRAMS = "start programs in an activity: `await ctx.run(activity, ...)`"
_SIGNAL = "await `ctx.wait_signal(topic)`"
_INSTEAD = {
    "run_in_executor": "run what blocks as an activity: `await ctx.run(activity, ...)`",
    "call_soon_threadsafe": f"send a signal, and {_SIGNAL}",
    "add_signal_handler": _SIGNAL,
    "remove_signal_handler": _SIGNAL,
    "run_until_complete": "await it",
    "run_forever": "await it",
    "stop": "return from the node",
    "close": "return from the node",
    "subprocess_exec": _PROGRAMS,
    "subprocess_shell": _PROGRAMS,
}


def _refusing(name: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NotDurableError(_CALLS.get(name, f"loop.{name}"), instead)

    return refuse


_CALLS = {
    "run_in_executor": "asyncio.to_thread (or loop.run_in_executor)",
    "create_connection": "asyncio.open_connection (or loop.create_connection)",
    "create_server": "asyncio.start_server (or loop.create_server)",
    "subprocess_exec": "asyncio.create_subprocess_exec",
    "subprocess_shell": "asyncio.create_subprocess_shell",
}

for _name in vars(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(NodeLoop):
        setattr(NodeLoop, _name, _refusing(_name, _INSTEAD.get(_name, _NETWORK)))
with suppress(NameError):
    del _name
