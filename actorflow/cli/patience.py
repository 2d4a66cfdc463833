"""How `run` knows that there is nothing left that it could wait for."""

from __future__ import annotations

from contextlib import suppress
from threading import Event

from actorflow.errors import ExecutionCancelled, ExecutionFailed
from actorflow.runtime.handle import ExecutionHandle
from actorflow.runtime.runtime import Runtime

LOOK = 0.02
LONGEST = 10.0
"""Seconds to wait for what should be taken in at once."""


def settled(runtime: Runtime, handle: ExecutionHandle, *, to_the_end: bool) -> None:
    """Return when the execution has ended, or rests and nothing is on its way to it.

    What others left in the inbox before this process opened the log, and clocks that
    rang meanwhile, are on their way although the log still says "suspended".
    """
    looks, pause = round(LONGEST / LOOK), Event()
    while looks and is_expected(runtime, handle.id):
        looks -= 1
        pause.wait(LOOK)
    if to_the_end:
        with suppress(ExecutionFailed, ExecutionCancelled):
            handle.result()
    else:
        handle.wait()


def is_expected(runtime: Runtime, execution_id: str) -> bool:
    """Return whether a command waits in the inbox, or a clock has rung."""
    row = runtime.row(execution_id)
    resting = row.status in ("suspended", "paused")
    if resting and row.wake_at is not None and row.wake_at <= runtime.clock.time():
        return True
    return any(each.name == execution_id for each in runtime.log.inbox())
