"""The fold: how each event changes the state of an execution.

There is one, and it runs when an event has just been recorded and when it is read back
years later. It needs no definition, reads no clock and refuses nothing. Values are
shared, never changed in place, so a fork copies references and still isolates.
Should an event come to mean another state, raise `snapshots.REVISION`.
"""

from __future__ import annotations

from collections.abc import Callable

from actorflow.model.events import Recorded
from actorflow.model.folding import (
    activations,
    branches,
    executions,
    items,
    retries,
    waits,
)
from actorflow.model.state import ExecutionState


def apply(state: ExecutionState, recorded: Recorded) -> None:
    """Take in one event."""
    state.version = recorded.seq
    _APPLY[type(recorded.event)](state, recorded)
    if state.until is not None:
        _mind_pauses(state, recorded.time)


def _mind_pauses(state: ExecutionState, now: float) -> None:
    """Let the clock of the whole execution stand still while it is paused."""
    assert state.until is not None
    paused = state.paused is not None or state.pauses > 0
    if paused and state.frozen is None:
        state.frozen = now
    elif not paused and state.frozen is not None:
        state.until = round(state.until + now - state.frozen, 6)
        state.frozen = None


_APPLY: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    **executions.HANDLERS,
    **retries.HANDLERS,
    **branches.HANDLERS,
    **items.HANDLERS,
    **activations.HANDLERS,
    **waits.HANDLERS,
}
