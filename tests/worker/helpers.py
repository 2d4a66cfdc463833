"""Several processes on one log, in virtual time."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from typing import Any

import actorflow as af
from actorflow.actors.clock import VirtualClock
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.runtime.jobs import Job
from actorflow.testing import runtime
from actorflow.testing.faults import Crash, CrashingLog
from actorflow.testing.lockstep import LockstepExecutors


class Site:
    """A log that several runtimes have open, one after the other or at once."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore()

    def open(
        self, *definitions: Any, **settings: Any
    ) -> AbstractContextManager[af.Runtime]:
        """Open a runtime, as another process would."""
        log = MemoryLog(store=self.store, clock=self.clock.time)
        return runtime(*definitions, log=log, clock=self.clock, **settings)

    def crash(self, *definitions: Any, at: int, after: bool) -> None:
        """Run a worker that dies at its *at*-th write, before or after it."""
        log = CrashingLog(at=at, after=after, store=self.store, clock=self.clock.time)
        with (
            suppress(Crash),
            runtime(*definitions, log=log, clock=self.clock, worker=af.Worker()) as rt,
        ):
            rt.clock.advance(10)
        log.abandon()

    @staticmethod
    def kill(rt: af.Runtime) -> None:
        """Let the process of *rt* be gone, as far as the log knows."""
        assert isinstance(rt.log, MemoryLog)
        rt.log.abandon()


class Stuck(LockstepExecutors):
    """Executors whose activities never end."""

    def submit(self, job: Job) -> None:
        """Begin *job*, and leave it at that."""
