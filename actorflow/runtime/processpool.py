"""Runs activities in other processes.

What that needs of the standard library is imported by the first who needs it: it takes
longer to import than most of actorflow.
"""

from __future__ import annotations

import importlib
import os
import pickle  # noqa: TID251 - as the pool itself does with exceptions
import threading
from typing import TYPE_CHECKING, Any

from actorflow.model.activities import Activity
from actorflow.model.policy import DescribedError, failure_of
from actorflow.runtime.context import ActivityContext
from actorflow.runtime.jobs import Began, Job, Raised, Returned

if TYPE_CHECKING:
    from concurrent.futures import Future as ConcurrentFuture
    from concurrent.futures import ProcessPoolExecutor


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

    @property
    def busy(self) -> bool:
        """Whether anything runs now."""
        return bool(self._jobs)

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
        from concurrent.futures.process import BrokenProcessPool

        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            with self._lock:
                self._pool = None
        try:
            value = future.result()
            if isinstance(value, DescribedError):
                raise value
            ended: Any = Returned(job, job.bound.result(value))
        except BaseException as raised:  # noqa: BLE001
            ended = Raised(job, raised)
        job.end(ended)

    def _running_pool(self) -> ProcessPoolExecutor:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

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
    import multiprocessing.connection

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
    try:
        return fn(*args, **kwargs)
    except Exception as error:
        if _can_travel(error):
            raise
        return DescribedError(failure_of(error))


def _can_travel(error: Exception) -> bool:
    """Whether the parent can have the exception: if not, that would end the pool."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made right here
    except Exception:  # noqa: BLE001 - exceptions are anybody's code
        return False
    return True
