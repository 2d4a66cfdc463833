"""Runs ``def`` activities on threads, which may stand in for the dispatcher."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from itertools import count
from queue import SimpleQueue
from typing import Any

from actorflow.runtime.jobs import Job

logger = logging.getLogger(__name__)

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
            "%s was given up, and still runs on thread %r (threads so lost: %d)",
            job.bound.activity.name,
            stuck.name,
            len(self._abandoned),
        )
        self._start_thread()

    @property
    def busy(self) -> bool:
        """Whether anything runs now."""
        return any(job is not None for job in list(self._running.values()))

    def lose(self, thread: int) -> None:
        """Do without a thread, of that ident, that is stuck while it stands in."""
        with self._lock:
            stuck = next((t for t in self._running if t.ident == thread), None)
            if stuck is None:
                return
            del self._running[stuck]
            self._abandoned.add(stuck)
            self._spare -= 1
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
            # While it waits for the next, this thread keeps nothing in memory.
            job = ended = None
            if self._was_lost(me):
                return
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

    def _was_lost(self, thread: threading.Thread) -> bool:
        """Leave a job in hand to the others, if another has taken its place."""
        if thread not in self._abandoned:
            return False
        self._abandoned.discard(thread)
        if self._hand.job is not None:
            self._jobs.put(self._hand.job)
            self._start_thread()
        return True

    def _is_still_needed(self, thread: threading.Thread) -> bool:
        """Count *thread* as free, unless another has taken its place meanwhile."""
        with self._lock:
            if thread in self._abandoned:
                self._abandoned.discard(thread)
                return False
            self._running[thread] = None
            self._spare += 1
            return True
