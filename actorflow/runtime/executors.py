"""Where activities run: the only module of the runtime that knows threads.

An executor takes a `Job` and sees to it that the job's actor is told how it ended.
Nothing here knows of retries, timeouts or the log.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future as ConcurrentFuture
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import copy_context
from itertools import count
from queue import SimpleQueue
from typing import Any, Protocol

from actorflow.model.activities import Activity
from actorflow.model.events import Data
from actorflow.runtime.binding import BoundActivity, Call
from actorflow.runtime.context import ActivityContext, Parked

logger = logging.getLogger(__name__)


class Began:
    """The job has begun to run."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job = job


class Returned:
    """The job's activity returned *data*."""

    __slots__ = ("data", "job")

    def __init__(self, job: Job, data: Data) -> None:
        self.job = job
        self.data = data


class Raised:
    """The job's activity raised *error*."""

    __slots__ = ("error", "job")

    def __init__(self, job: Job, error: BaseException) -> None:
        self.job = job
        self.error = error


class Left:
    """The job has left its activity, which waits for a signal."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job = job


class Job:
    """One attempt of an activity, from its input to the message that ends it."""

    __slots__ = (
        "abandoned",
        "address",
        "attempt",
        "bound",
        "call",
        "context",
        "tell",
        "wanted",
        "wants_began",
    )

    def __init__(
        self,
        address: str,
        bound: BoundActivity,
        call: Call,
        tell: Callable[[Any], Any],
        *,
        attempt: int = 1,
        context: ActivityContext | None = None,
        wants_began: bool = False,
        wanted: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.wanted = wanted
        self.address = address
        self.bound = bound
        self.call = call
        self.attempt = attempt
        self.tell = tell
        self.context = context
        self.wants_began = wants_began
        self.abandoned = False

    def run(self) -> None:
        """Run a ``def`` activity here and now, and tell how it ended."""
        self.end(self.outcome())

    def outcome(self) -> Any:
        """Run a ``def`` activity here and now; return how it ended, for `end`."""
        if self.abandoned or not self.wanted(self.address):  # while it was queued
            return None
        if self.wants_began:
            self.tell(Began(self))
        try:
            args, kwargs = self.bound.arguments(self.call, self.context)
            value = self.bound.activity.fn(*args, **kwargs)
            return Returned(self, self.bound.result(value))
        except BaseException as error:  # noqa: BLE001 - an activity may raise anything
            return self.ended_by(error)

    async def run_async(self) -> None:
        """Run an ``async def`` activity, and tell how it ended."""
        if self.abandoned or not self.wanted(self.address):
            return
        if self.wants_began:
            self.tell(Began(self))
        try:
            args, kwargs = self.bound.arguments(self.call, self.context)
            value = await self.bound.activity.fn(*args, **kwargs)
            ended: Any = Returned(self, self.bound.result(value))
        except BaseException as error:  # noqa: BLE001
            ended = self.ended_by(error)
        self.end(ended)

    def end(
        self, ended: Any, tell: Callable[[Callable[[Any], Any], Any], Any] | None = None
    ) -> None:
        """Tell how it ended, if anybody still wants to know, or let *tell* do it."""
        if ended is None:
            return
        if self.abandoned:
            what = "result" if isinstance(ended, Returned) else "failure"
            logger.warning(
                "late %s of %s at %s, attempt %d: discarded",
                what,
                self.bound.activity.name,
                self.address,
                self.attempt,
            )
        elif tell is not None:
            tell(self.tell, ended)
        else:
            self.tell(ended)

    def ended_by(self, error: BaseException) -> Left | Raised:
        """Return the message for an exception that came out of the activity."""
        if isinstance(error, Parked):
            return Left(self)
        return Raised(self, error)


class Executor(Protocol):
    """Runs jobs."""

    def submit(self, job: Job) -> None:
        """See to it that *job* runs; return at once."""
        ...

    def abandon(self, job: Job) -> None:
        """Nobody waits for *job* any more: stop it if possible, else replace it."""
        ...

    def close(self) -> None:
        """Start nothing further; do not wait for what runs."""
        ...


class InlineExecutor:
    """Runs jobs on the caller's thread: for tests, and for what takes no time."""

    def submit(self, job: Job) -> None:
        """Run *job* to its end."""
        if job.bound.is_async:
            asyncio.run(job.run_async())
        else:
            job.run()

    def abandon(self, job: Job) -> None:
        """Do nothing: a job that was submitted has ended."""

    def close(self) -> None:
        """Do nothing."""


StandIn = Callable[[Callable[[Any], Any], Any, Callable[[], object]], None]
"""Called with whom to tell what; it may keep the thread until the last says so."""


class _Hand(threading.local):
    """What a thread of the pool has in hand.

    Attributes:
        is_free: it stands in for the dispatcher, and can be given a job of its own.
        job: its next one.
    """

    is_free = False
    job: Job | None = None


class ThreadExecutor:
    """Runs jobs on up to *threads* daemon threads, started when first needed.

    A thread whose job was abandoned is replaced, and ends when its job does. One whose
    job has ended may stand in for the dispatcher, and take on itself the job that
    follows: in a chain of steps no thread ever waits for another.
    """

    def __init__(
        self,
        threads: int,
        stand_in: StandIn | None = None,
        name: str = "actorflow-activity",
    ) -> None:
        self._limit = threads
        self._name = name
        self._stand_in = stand_in
        self._hand = _Hand()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, Job | None] = {}
        self._abandoned: set[threading.Thread] = set()
        self._spare = 0  # threads that wait for a job, less jobs that wait for a thread
        self._closed = False

    def submit(self, job: Job) -> None:
        """Queue *job*, and start a thread if none is free to take it."""
        hand = self._hand
        with self._lock:
            self._spare -= 1
        if hand.is_free and hand.job is None:
            hand.job = job
            return
        self._jobs.put(job)
        if self._spare < 0 and len(self._running) < self._limit:
            self._start_thread()

    def abandon(self, job: Job) -> None:
        """Let another thread take the place of the one that is stuck in *job*."""
        with self._lock:
            stuck = next((t for t, j in self._running.items() if j is job), None)
            if stuck is None:
                return
            del self._running[stuck]
            self._abandoned.add(stuck)
        logger.warning(
            "%s of %r was given up and still runs; %d such threads",
            job.bound.activity.name,
            stuck.name,
            len(self._abandoned),
        )
        self._start_thread()

    def close(self) -> None:
        """End idle threads; those that run a job end after it."""
        self._closed = True
        for _ in range(len(self._running)):
            self._jobs.put(None)

    def _start_thread(self) -> None:
        """Start a thread if there is a job for it.

        One more than are needed costs more than itself: the system wakes idle threads
        in turn, each with cold caches.
        """
        with self._lock:
            full = self._closed or len(self._running) >= self._limit
            if self._spare >= 0 or full:
                return
            name = f"{self._name}-{next(self._numbers)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._running[thread] = None
            self._spare += 1
        thread.start()

    def _work(self) -> None:
        me = threading.current_thread()
        running, hand, get = self._running, self._hand, self._jobs.get
        while (job := hand.job or get()) is not None and not self._closed:
            hand.job = None
            running[me] = job
            # Context variables of one job are no business of what comes after it.
            ended = copy_context().run(job.outcome)
            if not self._is_still_needed(me):
                job.end(ended)
                return
            job.end(ended, self._tell)
        running.pop(me, None)

    def _tell(self, tell: Callable[[Any], Any], ended: Any) -> None:
        """Tell; while nobody else is there for what follows from it, see to that."""
        if self._stand_in is None or not self._jobs.empty():
            tell(ended)
            return
        self._hand.is_free = True
        try:
            self._stand_in(tell, ended, self._has_job)
        finally:
            self._hand.is_free = False

    def _has_job(self) -> bool:
        """Return whether this thread has something better to do than to stand in."""
        return self._hand.job is not None or not self._jobs.empty()

    def _is_still_needed(self, thread: threading.Thread) -> bool:
        """Count *thread* as free, unless another has taken its place meanwhile."""
        with self._lock:
            if thread in self._abandoned:
                self._abandoned.discard(thread)
                return False
            self._running[thread] = None
            self._spare += 1
            return True


class AsyncExecutor:
    """Runs ``async def`` jobs as tasks of one event loop on one daemon thread."""

    def __init__(self, name: str = "actorflow-asyncio") -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._queue: deque[Callable[[], None]] = deque()
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._woken = False

    def submit(self, job: Job) -> None:
        """Hand *job* to the loop; what comes together crosses over together."""
        self._post(lambda: self._begin(job))

    def abandon(self, job: Job) -> None:
        """Cancel the job's task."""
        self._post(lambda: self._cancel(job))

    def close(self) -> None:
        """Cancel every task and end the loop."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(self._shut_down, loop)
        if thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _post(self, call: Callable[[], None]) -> None:
        self._queue.append(call)
        if not self._woken:
            self._woken = True
            self._running_loop().call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._woken = False
        while self._queue:
            self._queue.popleft()()

    def _begin(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(job.run_async())
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    def _cancel(self, job: Job) -> None:
        task = self._tasks.get(job)
        if task is not None:
            task.cancel()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name=self._name, daemon=True
                )
                self._thread.start()
            return self._loop

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _shut_down(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        ending = asyncio.gather(*tasks, return_exceptions=True)
        ending.add_done_callback(lambda _: loop.stop())
        if not tasks:
            loop.stop()


class ProcessExecutor:
    """Runs jobs in a pool of child processes, started when first needed.

    The function must be importable by name, and so must the classes of its arguments;
    its context carries only plain attributes.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._jobs: dict[Job, ConcurrentFuture[Any]] = {}

    def submit(self, job: Job) -> None:
        """Send *job* to a worker process."""
        if job.wants_began:
            job.tell(Began(job))
        try:
            context = _plain(job.context)
            args, kwargs = job.bound.arguments(job.call, context)
            name = _importable(job.bound.activity)
            future = self._running_pool().submit(_call, name, args, kwargs)
        except Exception as error:  # noqa: BLE001
            job.tell(Raised(job, error))
            return
        self._jobs[job] = future
        future.add_done_callback(lambda done: self._ended(job, done))

    def abandon(self, job: Job) -> None:
        """Take *job* out of the queue if it has not begun."""
        future = self._jobs.get(job)
        if future is not None:
            future.cancel()

    def close(self) -> None:
        """Start nothing further."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            workers = list((pool._processes or {}).values())  # noqa: SLF001 - see below
            pool.shutdown(wait=False, cancel_futures=True)
            # The interpreter would wait for them at its end, however long they take.
            for worker in workers:
                worker.kill()

    def _ended(self, job: Job, future: ConcurrentFuture[Any]) -> None:
        self._jobs.pop(job, None)
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            with self._lock:
                self._pool = None
        try:
            if error is not None:
                raise error
            ended: Any = Returned(job, job.bound.result(future.result()))
        except BaseException as raised:  # noqa: BLE001
            ended = Raised(job, raised)
        job.end(ended)

    def _running_pool(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                # Not forked: this process has threads that may hold locks.
                self._pool = ProcessPoolExecutor(
                    self._workers,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_end_with_parent,
                )
            return self._pool


def _end_with_parent() -> None:
    """Run in a worker process: leave when the parent is killed, which tells nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def watch() -> None:
            multiprocessing.connection.wait([sentinel])
            os._exit(1)

        threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _plain(context: ActivityContext | None) -> ActivityContext | None:
    if context is None:
        return None
    return ActivityContext(
        context.execution_id,
        context.address,
        attempt=context.attempt,
        visit=context.visit,
    )


def _importable(activity: Activity[..., Any]) -> tuple[str, str]:
    module, name = activity.fn.__module__, activity.fn.__qualname__
    if "<locals>" in name or "<lambda>" in name:
        msg = (
            f"activity {activity.name!r} runs in a process pool, so its function must "
            f"be defined at the top of a module, not as {name!r}"
        )
        raise TypeError(msg)
    return module, name


def _call(where: tuple[str, str], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Run in a worker process: find the function again, and call it."""
    module, name = where
    target: Any = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    fn = target.fn if isinstance(target, Activity) else target
    return fn(*args, **kwargs)
