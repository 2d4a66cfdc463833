"""Reading a history back into a state."""

from __future__ import annotations

from actorflow.log.port import EventLog
from actorflow.model import snapshots
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState


def fold(log: EventLog, stream: int, until: int | None = None) -> ExecutionState:
    """Replay a stream, from its newest snapshot if that is known here."""
    stored = log.snapshot(stream, until=until)
    state = ExecutionState()
    if stored is not None and stored.format == snapshots.known_format():
        state = snapshots.restore(stored.data)
        state.stored = stored.seq
    for recorded in log.read(stream, after=state.version, until=until):
        apply(state, recorded)
    return state
