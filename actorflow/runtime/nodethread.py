"""Dynamic nodes that are plain functions: each runs on a thread of its own.

The thread sends every call to the node's actor, which makes it as a coroutine would,
and waits. Only one of the two is at work at a time, so a replay is as exact as that of
a coroutine.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from pykka._envelope import Envelope

from actorflow.actors.future import PooledFuture
from actorflow.actors.ref import PooledRef
from actorflow.runtime.binding import BoundActivity, Call
from actorflow.runtime.executors import Job, Raised, Returned
from actorflow.runtime.nodecontext import Context, Question
from actorflow.runtime.nodehost import NodeHost
from actorflow.runtime.nodeloop import Gone, NodeLoop
from actorflow.runtime.run import Run


class Wanted(NamedTuple):
    """A node's thread wants something of its host, and waits for it."""

    make: Callable[[NodeHost], Any]
    reply: PooledFuture[Any]


class NodeJob(Job):
    """The run of a node's function, from its top."""

    __slots__ = ()

    def run(self) -> None:
        """Run the function, and tell how it ended."""
        try:
            args, kwargs = self.bound.arguments(self.call, self.context)
            value = self.bound.activity.fn(*args, **kwargs)
            ended: Returned | Raised = Returned(self, value)
        except BaseException as error:  # noqa: BLE001 - user code may raise anything
            ended = Raised(self, error)
        if not self.abandoned:
            self.tell(ended)


class NodeThreads:
    """Gives every job a thread: nodes wait, and must not keep each other waiting."""

    def submit(self, job: Job) -> None:
        """Run *job* on a new thread."""
        name = f"actorflow-node {job.address}"
        threading.Thread(target=job.run, name=name, daemon=True).start()

    def abandon(self, job: Job) -> None:
        """Do nothing: at its next call the node learns that it is not wanted."""

    def close(self) -> None:
        """Do nothing: see `abandon`."""


class NodeThread:
    """The thread of a node, as a coroutine that does what the thread wants.

    Attributes:
        away: the thread is at work, so nothing may happen in the node but by it.
    """

    def __init__(
        self, run: Run, loop: NodeLoop, host: NodeHost, ref: PooledRef[Any]
    ) -> None:
        self._run = run
        self._loop = loop
        self._host = host
        self._ref = ref
        self._next: asyncio.Future[Any] | None = None
        self._job: NodeJob | None = None
        self.away = False

    async def run(self, address: str, bound: BoundActivity, call: Call) -> Any:
        """Run the function; do what it wants until it ends."""
        blocking = BlockingHost(self._host, self._ref)
        context: Any = Context(blocking, self._run.id, address, self._host.branch)
        self._job = NodeJob(address, bound, call, self._ref.put, context=context)
        self._run.after_durable(self._run.services.executors.submit, self._job)
        while True:
            self._next, self.away = self._loop.create_future(), True
            message = await self._next
            if isinstance(message, Returned):
                return message.data
            if isinstance(message, Raised):
                raise message.error
            await self._serve(message)

    async def _serve(self, wanted: Wanted) -> None:
        try:
            value = wanted.make(self._host)
            if inspect.isawaitable(value):
                value = await value
        except BaseException as error:
            wanted.reply.set_exception(error)
            if isinstance(error, Gone):
                raise
        else:
            wanted.reply.set(value)

    def take(self, message: Any) -> None:
        """Take in what the thread wants, or how it ended."""
        if self.away and self._next is not None:
            self.away = False
            self._next.set_result(message)

    def stop(self) -> None:
        """Nobody waits for the thread any more; its next call tells it."""
        if self._job is not None:
            self._job.abandoned = True


class BlockingHost:
    """What a `Context` is made of where calls block."""

    def __init__(self, host: NodeHost, ref: PooledRef[Any]) -> None:
        self._host = host
        self._ref = ref

    def _ask(self, make: Callable[[NodeHost], Any]) -> Any:
        reply: PooledFuture[Any] = PooledFuture()
        last_word: Any = _LastWord(reply)
        self._ref.put(Envelope(Wanted(make, reply), last_word))
        return reply.get()

    @property
    def replaying(self) -> bool:
        """Whether the node is still catching up with what is recorded."""
        return self._host.replaying

    def now(self) -> datetime:
        """Return the time of the latest event the node has taken in."""
        return self._host.now()

    def call(self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of *node*."""
        return self._ask(lambda host: host.call(node, args, kwargs))

    def call_map(
        self, node: Any, items: list[Any], limit: int | None, on_error: str
    ) -> Any:
        """Return the list of results."""
        return self._ask(lambda host: host.call_map(node, items, limit, on_error))

    def emit(self, value: Any) -> Any:
        """Record a value for those above."""
        return self._ask(lambda host: host.emit(value))

    def sleep(self, seconds: float) -> Any:
        """Return after *seconds*."""
        return self._ask(lambda host: host.sleep(seconds))

    def wait_signal(self, topic: str, timeout: float | None) -> Any:
        """Return a signal."""
        return self._ask(lambda host: host.wait_signal(topic, timeout))

    def ask_person(self, asked: Question) -> Any:
        """Return an answer."""
        return self._ask(lambda host: host.ask_person(asked))

    def record(self, key: str, fn: Callable[..., Any], args: Any) -> Any:
        """Return what is recorded under *key*; call *fn*, on this thread, else."""
        if not self._ask(lambda host: host.may_recall(key)):
            value = fn(*args)
            self._ask(lambda host: host.keep(key, value))
        return self._ask(lambda host: host.recall(key))

    def patched(self, patch_id: str) -> bool:
        """Return whether this activation has taken, or may take, the new way."""
        return bool(self._ask(lambda host: host.patched(patch_id)))


class _LastWord:
    """Answers a call that the node's actor does not live to make."""

    def __init__(self, reply: PooledFuture[Any]) -> None:
        self._reply = reply

    def set(self, value: Any = None) -> None:
        """Do nothing: who takes a call answers it himself, in time."""

    def set_exception(self, exc_info: Any = None) -> None:
        """Say that it is too late."""
        del exc_info
        if not self._reply.done:
            self._reply.set_exception(Gone())
