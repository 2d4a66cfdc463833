"""Dynamic nodes that are plain functions: each runs on a thread of its own.

The thread sends every call to the node's actor, which makes it as a coroutine would,
and waits. Only one of the two is at work at a time, so a replay is as exact as that of
a coroutine.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from actorflow.actors.future import PooledFuture
from actorflow.actors.ref import PooledRef
from actorflow.runtime.binding import NO_CALL, BoundActivity, Call
from actorflow.runtime.jobs import Job, Raised, Returned
from actorflow.runtime.nodechild import ChildHandle
from actorflow.runtime.nodecontext import Context, Question
from actorflow.runtime.nodehost import NodeHost
from actorflow.runtime.nodeloop import Gone, NodeLoop
from actorflow.runtime.nodeplace import working
from actorflow.runtime.run import Run


class Wanted(NamedTuple):
    """A node's thread wants something of its host, and waits for it."""

    host: NodeHost
    make: Callable[[NodeHost], Any]
    reply: PooledFuture[Any]

    def returned(self) -> None:
        """Tell the thread that its node is not run any more."""
        if not self.reply.done:
            self.reply.set_exception(Gone())


class NodeJob(Job):
    """The run of a node's function, from its top."""

    __slots__ = ("thread",)
    thread: int

    def run(self) -> None:
        """Run the function, and tell how it ended."""
        self.thread = threading.get_ident()
        try:
            ended: Returned | Raised = Returned(self, self._value())
        except BaseException as error:  # noqa: BLE001 - user code may raise anything
            ended = Raised(self, error)
        if not self.abandoned:
            self.tell(ended)

    def _value(self) -> Any:
        args, kwargs = self.bound.arguments(self.call, self.context)
        return self.bound.activity.fn(*args, **kwargs)


class HandlerJob(NodeJob):
    """The run of one of the node's handlers; no attempt of anything by itself."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], Any], *args: Any, **more: Any) -> None:
        super().__init__(*args, attempt=0, **more)
        self._function = function

    def _value(self) -> Any:
        return self._function()


class NodeThreads:
    """Gives every job a thread: nodes wait, and must not keep each other waiting."""

    busy = False
    """What a node does is in the log; nobody need wait for it to end."""

    def submit(self, job: Job) -> None:
        """Run *job* on a new thread."""
        name = f"actorflow-node {job.address}"
        threading.Thread(target=job.run, name=name, daemon=True).start()

    def abandon(self, job: Job) -> None:
        """Do nothing: at its next call the node learns that it is not wanted."""

    def close(self) -> None:
        """Do nothing: see `abandon`."""


class NodeThread:
    """The threads of a node, each as a coroutine that does what its thread wants.

    There is one for the node's function, and one for every handler that is called. Only
    one of them is at work at a time, and then nothing happens in the node but by it.
    """

    def __init__(
        self, run: Run, loop: NodeLoop, host: NodeHost, ref: PooledRef[Any]
    ) -> None:
        self._run = run
        self._loop = loop
        self._host = host
        self._ref = ref
        self._message: Any = None
        self._away = False
        self._context: Any = None
        self._jobs: list[NodeJob] = []

    async def run(self, address: str, bound: BoundActivity, call: Call) -> Any:
        """Run the function; do what it wants until it ends."""
        blocking = BlockingHost(self._host, self._ref)
        self._context = Context(blocking, self._run.id, address, self._host.branch)
        tell = self._ref.put
        return await self._serve(
            NodeJob(address, bound, call, tell, context=self._context)
        )

    async def call(
        self, address: str, bound: BoundActivity, function: Callable[[], Any]
    ) -> Any:
        """Run a handler beside the function; do what it wants until it ends."""
        tell = self._ref.put
        return await self._serve(
            HandlerJob(function, address, bound, NO_CALL, tell, context=self._context)
        )

    async def _serve(self, job: NodeJob) -> Any:
        self._jobs.append(job)
        self._run.after_durable(self._run.services.executors.submit, job)
        try:
            while isinstance(message := await self._next(), Wanted):
                await self._give(message)
        finally:
            self._jobs.remove(job)
        if isinstance(message, Raised):
            raise message.error
        return message.data

    async def _next(self) -> Any:
        """Let the thread work, and the node stand still, until it wants something."""
        self._away = True
        await self._loop.hold()
        return self._message

    async def _give(self, wanted: Wanted) -> None:
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

    def place(self) -> str | None:
        """Return the line of code at which the thread made its last call."""
        threads = [getattr(job, "thread", None) for job in self._jobs]
        return working(threads[-1]) if threads else None

    def take_end(self, ended: Returned | Raised) -> None:
        """Take in how a thread ended, if it is one of these."""
        if ended.job in self._jobs:
            self.take(ended)

    def take(self, message: Any) -> None:
        """Take in what the thread at work wants, or how it ended."""
        if self._away:
            self._away, self._message = False, message
            self._loop.release()

    def stop(self) -> None:
        """Nobody waits for the threads any more; the next call of each tells it."""
        for job in self._jobs:
            job.abandoned = True


class BlockingHost:
    """What a `Context` is made of where calls block."""

    def __init__(self, host: NodeHost, ref: PooledRef[Any]) -> None:
        self._host = host
        self._ref = ref

    def _ask(self, make: Callable[[NodeHost], Any]) -> Any:
        self._host.must_not_look()
        reply: PooledFuture[Any] = PooledFuture()
        self._ref.put(Wanted(self._host, make, reply))
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

    def start_child(
        self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ChildHandle:
        """Return the handle of an execution of its own."""
        handle: ChildHandle = self._ask(
            lambda host: host.start_child(node, args, kwargs)
        )
        return handle.hosted(self)

    def end_of(self, pending: Any) -> Any:
        """Return what a started child gives."""
        return self._ask(lambda host: host.end_of(pending))

    def tell_child(
        self, child: ChildHandle, command: str, data: Mapping[str, Any]
    ) -> Any:
        """Return when the child is sure to be told."""
        return self._ask(lambda host: host.tell_child(child, command, data))

    def emit(self, value: Any) -> Any:
        """Record a value for those above."""
        return self._ask(lambda host: host.emit(value))

    def sleep(self, seconds: float) -> Any:
        """Return after *seconds*."""
        return self._ask(lambda host: host.sleep(seconds))

    def wait_signal(self, topic: str, timeout: float | None) -> Any:
        """Return a signal."""
        return self._ask(lambda host: host.wait_signal(topic, timeout))

    def on_signal(self, topic: str, handler: Callable[[Any], Any]) -> None:
        """Let *handler* have every signal on *topic*."""
        self._ask(lambda host: host.on_signal(topic, handler))

    def on_update(
        self,
        name: str,
        handler: Callable[[Any], Any],
        validator: Callable[[Any], Any] | None,
    ) -> None:
        """Let *handler* do every update of that name."""
        self._ask(lambda host: host.on_update(name, handler, validator))

    def on_query(self, name: str, function: Callable[..., Any]) -> None:
        """Let *function* answer every query of that name."""
        self._ask(lambda host: host.on_query(name, function))

    def must_not_look(self) -> None:
        """Refuse to change anything while a query is being answered."""
        self._host.must_not_look()

    def continue_as_new(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Let the node begin anew."""
        self._ask(lambda host: host.continue_as_new(args, kwargs))

    def close_handlers(self) -> Any:
        """Take no further messages; return when no handler is at work."""
        return self._ask(lambda host: host.close_handlers())

    @property
    def calls_made(self) -> int:
        """How many calls the node has made."""
        return self._host.calls_made

    @property
    def seed(self) -> str:
        """What the node's chance comes from."""
        return self._host.seed

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
