"""Futures that know they may be waited for on a dispatcher's thread."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from _thread import allocate_lock
from collections.abc import Callable, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Protocol, TypeVar

from pykka import Future, Timeout

T = TypeVar("T")
ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class FutureTimeoutError(Timeout, TimeoutError):
    """A reply did not come in time: both Pykka's `Timeout` and `TimeoutError`."""

    def __init__(self, timeout: float | None) -> None:
        super().__init__(timeout)
        self.timeout = timeout

    def __str__(self) -> str:
        if self.timeout is None:
            return "nothing is left that could send the reply"
        return f"no reply within {self.timeout} seconds"


class Waiter(Protocol):
    """Whoever keeps the world turning while somebody waits for a future."""

    def wait_for(self, future: PooledFuture[Any], timeout: float | None) -> bool:
        """Return whether *future* was done before *timeout* ran out."""
        ...


class _Current(threading.local):
    waiter: Waiter | None = None
    excused: bool = False  # this turn has said that it blocks


current = _Current()
"""The dispatcher whose thread this is, if any."""


class PooledFuture(Future[T]):
    """Pykka's `ThreadingFuture` at a fifth of its cost.

    Waiting on a dispatcher's own thread does not hold the other actors up: the
    dispatcher sees to it that they run meanwhile.
    """

    def __init__(self) -> None:
        # Not Pykka's own __init__: it creates an object we have no use for.
        self._get_hook = None
        self._hook_result: tuple[Any] | None = None
        self._outcome: tuple[Any, ExcInfo | None] | None = None
        self._once = allocate_lock()  # taken by the first to decide the outcome
        self._gate = allocate_lock()  # closed until there is an outcome
        self._gate.acquire()
        self._waiter: Waiter | None = None
        self._callbacks: list[Callable[[PooledFuture[T]], object]] = []

    @property
    def done(self) -> bool:
        """Whether `get` would return, or raise, at once."""
        return self._outcome is not None

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the value, or raise the exception; wait for it if need be."""
        if self._outcome is None and self._get_hook is None:
            self._wait(timeout)
        if self._outcome is None:
            return self._get_from_hook(timeout)
        value, exc_info = self._outcome
        if exc_info is not None:
            _raise(*exc_info)
        return value

    def set(self, value: T | None = None) -> None:
        """Set the value; `queue.Full` if the future has an outcome already."""
        self._settle((value, None))

    def set_exception(self, exc_info: Any = None) -> None:
        """Set an exception, by default the one being handled."""
        if isinstance(exc_info, BaseException):
            exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
        self._settle((None, exc_info or sys.exc_info()))

    def settle(self, value: T | None, error: BaseException | None) -> None:
        """Set what a callback with both was given."""
        if error is None:
            self.set(value)
        else:
            self.set_exception(error)

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Compute the value by *func* when it is first asked for."""
        if not self._once.acquire(blocking=False):
            raise queue.Full
        self._get_hook = func
        self._gate.release()

    def when_done(self, callback: Callable[[PooledFuture[T]], object]) -> None:
        """Call *callback* with this future when it is done, on the setter's thread.

        If it is done already, the callback is called at once.
        """
        self._callbacks.append(callback)
        if self._outcome is not None:
            self._call_back()

    def __await__(self) -> Generator[Any, None, T]:
        """Wait without blocking the running asyncio loop, where Pykka's would."""
        loop = None if self._waiter is not None else asyncio._get_running_loop()  # noqa: SLF001 - None where the public one raises
        if loop is not None and self._get_hook is None and self._outcome is None:
            yield from _bridge(self, loop).__await__()
        value: T = self.get()
        return value

    __iter__ = __await__

    def wait_by(self, waiter: Waiter) -> None:
        """Let whoever waits for this future do it by *waiter*."""
        self._waiter = waiter

    def block(self, timeout: float | None) -> bool:
        """Wait without letting anything else run on this thread."""
        limit = -1 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX)
        if not self._gate.acquire(timeout=limit):
            return False
        self._gate.release()
        return True

    def _settle(self, outcome: tuple[Any, ExcInfo | None]) -> None:
        if not self._once.acquire(blocking=False):
            raise queue.Full
        self._outcome = outcome
        self._gate.release()
        if self._callbacks:
            self._call_back()

    def _call_back(self) -> None:
        while self._callbacks:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:  # the other side was faster
                return
            callback(self)

    def _wait(self, timeout: float | None) -> None:
        waiter = self._waiter or current.waiter
        if waiter is None:
            done = self.block(timeout)
        else:
            done = waiter.wait_for(self, timeout)
        if not done:
            raise FutureTimeoutError(timeout)

    def _get_from_hook(self, timeout: float | None) -> Any:
        if self._hook_result is None:
            assert self._get_hook is not None
            self._hook_result = (self._get_hook(timeout),)
        return self._hook_result[0]


def _bridge(
    future: PooledFuture[Any], loop: asyncio.AbstractEventLoop
) -> asyncio.Future[None]:
    """Return a future of *loop* that is done when *future* is."""
    waiting = loop.create_future()

    def finish() -> None:
        if not waiting.done():  # it may have been cancelled
            waiting.set_result(None)

    def wake(_: PooledFuture[Any]) -> None:
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(finish)

    future.when_done(wake)
    return waiting


def _raise(
    kind: type[BaseException] | None,
    value: BaseException | None,
    traceback: TracebackType | None,
) -> NoReturn:
    assert kind is not None
    if value is None:
        value = kind()
    if value.__traceback__ is not traceback:
        raise value.with_traceback(traceback)
    raise value
