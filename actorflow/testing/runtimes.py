"""A runtime for tests: one thread, virtual time, a log in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from actorflow.actors.clock import VirtualClock
from actorflow.actors.manual import ManualDispatcher
from actorflow.log.port import EventLog
from actorflow.runtime.runtime import Runtime
from actorflow.runtime.services import Executors
from actorflow.testing.lockstep import LockstepExecutors


@contextmanager
def runtime(
    *definitions: Any,
    activities: Iterable[Any] = (),
    log: EventLog | str = ":memory:",
    seed: int | None = None,
    clock: VirtualClock | None = None,
    executors: Callable[[ManualDispatcher], Executors] = LockstepExecutors,
    **settings: Any,
) -> Iterator[Runtime]:
    """Give a runtime in which everything runs on the calling thread.

    Time stands still until ``rt.clock.advance(seconds)``, or until something waits for
    the end of an execution: then it jumps from timer to timer. So a day passes in a
    millisecond, and every run is the same.

    Args:
        definitions: what may be executed.
        activities: for graphs that name their activities.
        log: another log, say one that an earlier runtime wrote.
        seed: shuffles who is next, reproducibly.
        clock: shared by runtimes that follow each other.
        executors: makes what runs activities; by default they take turns with the rest.
        settings: anything else `Runtime` takes.
    """
    clock = clock or VirtualClock()
    dispatcher = ManualDispatcher(clock, seed=seed)
    rt = Runtime(
        log,
        definitions,
        activities,
        clock=clock,
        dispatcher=dispatcher,
        executors=executors(dispatcher),
        **settings,
    )
    dispatcher.run_until_idle()
    try:
        yield rt
    finally:
        rt.close()
