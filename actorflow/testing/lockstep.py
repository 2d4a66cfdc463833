"""Activities in virtual time: each on a thread of its own, one running at a time.

An activity that asks its actor for something (a record, a signal) must let the actors
run, and go on where it was. So it gets a thread, and control goes back and forth like
between coroutines: the dispatcher stands still while an activity runs, and the other
way round. Who is next is the dispatcher's choice, so a seed decides it.
"""

from __future__ import annotations

import asyncio
from _thread import allocate_lock
from threading import Thread
from typing import Any

from actorflow.actors.future import PooledFuture, current
from actorflow.actors.manual import ManualDispatcher
from actorflow.runtime.jobs import Job
from actorflow.runtime.services import Executors


class Killed(BaseException):
    """The process is gone; the activity must not go on."""


class LockstepExecutors(Executors):
    """Runs every activity, of whatever kind, in step with a manual dispatcher."""

    def __init__(self, dispatcher: ManualDispatcher) -> None:
        super().__init__({})
        self._dispatcher = dispatcher
        self._waiting: set[_Step] = set()
        self.closed = False

    def submit(self, job: Job) -> None:
        """Let *job* begin when the dispatcher comes to it."""
        self._dispatcher.wake(_Step(self, job))

    def abandon(self, *jobs: Job) -> None:
        """Nobody waits for *jobs* any more."""
        for job in jobs:
            job.abandoned = True
            if job.context is not None:
                job.context.cancel()

    def close(self) -> None:
        """Let no activity go on."""
        self.closed = True
        for step in list(self._waiting):
            step.turn(0)

    def waits(self, step: _Step, future: PooledFuture[Any]) -> None:
        """Let *step* go on when *future* is done."""
        self._waiting.add(step)
        future.when_done(lambda _: self._dispatcher.wake(step))

    def goes_on(self, step: _Step) -> None:
        """What *step* waited for has come."""
        self._waiting.discard(step)


class _Step:
    """A job as something a dispatcher can run, and its thread can interrupt."""

    def __init__(self, executors: LockstepExecutors, job: Job) -> None:
        self._executors = executors
        self._job = job
        self._thread: Thread | None = None
        self._ended = False
        self._go, self._gone = allocate_lock(), allocate_lock()
        self._go.acquire()
        self._gone.acquire()

    def __repr__(self) -> str:
        return f"<attempt {self._job.attempt} of {self._job.address}>"

    def turn(self, throughput: int) -> None:  # noqa: ARG002 - an activity is not divided
        """Run the activity until it ends, or waits for its actor."""
        if self._ended or (self._executors.closed and self._thread is None):
            return
        if self._job.context is None and not self._job.bound.is_async:
            self._job.run()
            return
        if self._thread is None:
            self._thread = Thread(target=self._run, daemon=True)
            self._thread.start()
        else:
            self._executors.goes_on(self)
            self._go.release()
        self._gone.acquire()

    def wait_for(self, future: PooledFuture[Any], timeout: float | None) -> bool:
        """Give control back until *future* is done.  Called on the job's thread."""
        del timeout  # what an activity waits for here always comes, or the end does
        self._executors.waits(self, future)
        self._gone.release()
        self._go.acquire()
        if self._executors.closed:
            raise Killed
        return future.done

    def _run(self) -> None:
        current.waiter = self
        try:
            if self._job.bound.is_async:
                asyncio.run(self._job.run_async())
            else:
                self._job.run()
        finally:
            self._ended = True
            self._gone.release()
