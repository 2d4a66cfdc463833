"""Which events were decided in one breath: a history may only be cut between them.

What one turn of an actor records goes into the log whole, so no process ever meets a
half of it; only who cuts a history by hand could. A flow that has begun, say, has its
first branch; a signal that somebody waited for has been taken.
"""

from __future__ import annotations

from collections.abc import Iterable

from actorflow.model import events as ev
from actorflow.model.events import Recorded


def whole(events: Iterable[Recorded], at: int) -> list[Recorded]:
    """Return the first *at* of *events*, and what was decided with the last of them."""
    taken: list[Recorded] = []
    following = iter(events)
    for recorded in following:
        if recorded.seq > at and not _goes_on(taken[-1], recorded):
            break
        taken.append(recorded)
    return taken


def _goes_on(recorded: Recorded, following: Recorded) -> bool:  # noqa: PLR0911 - a table
    """Return whether *following* was decided together with *recorded*."""
    event, then = recorded.event, following.event
    here = following.address == recorded.address
    match event:
        case ev.ExecutionStarted() | ev.FlowStarted():
            return isinstance(then, ev.BranchStarted)
        case ev.BranchStarted(parent=parent) if parent is not None:
            if isinstance(then, ev.BranchStarted):
                return then.parent == parent
            return isinstance(then, ev.BranchCompleted) and following.address == parent
        case ev.ActivationStarted():
            waits = isinstance(then, ev.WaitStarted | ev.FlowStarted)
            decides = event.kind == "decide" and isinstance(
                then, ev.ActivationCompleted
            )
            return here and (waits or decides)
        case ev.SignalReceived():
            return isinstance(then, ev.WaitEnded) and then.signal == recorded.seq
        case ev.WaitStarted():
            ends = isinstance(then, ev.WaitEnded) and then.signal is not None
            return here and ends and then.signal < recorded.seq
        case _:
            return False
