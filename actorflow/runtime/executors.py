"""Where activities run: what every executor does, and the one without threads.

An executor takes a `Job` and sees to it that the job's actor is told how it ended.
None knows of retries, timeouts or the log. Those with threads or processes have modules
of their own (`threadpool`, `loopthread`, `processpool`); nothing else in the runtime
knows of threads.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from actorflow.runtime.jobs import Job


class Executor(Protocol):
    """Runs jobs."""

    def submit(self, job: Job) -> None:
        """See to it that *job* runs; return at once."""
        ...

    def abandon(self, job: Job) -> None:
        """Nobody waits for *job* any more: stop it if possible, else replace it."""
        ...

    @property
    def busy(self) -> bool:
        """Whether anything runs now."""
        ...

    def close(self) -> None:
        """Start nothing further; do not wait for what runs."""
        ...


class InlineExecutor:
    """Runs jobs on the caller's thread: for tests, and for what takes no time."""

    busy = False

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
