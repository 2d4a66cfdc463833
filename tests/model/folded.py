"""States made from events, for tests of the pure model."""

from __future__ import annotations

from actorflow.model.events import Event, Recorded
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.testing.laws import check_counts


def fold(
    state: ExecutionState, *facts: tuple[str, Event], at: float | None = None
) -> ExecutionState:
    """Apply events to *state*, each a second after the one before unless *at* says."""
    for address, event in facts:
        seq = state.version + 1
        time = float(seq) if at is None else at
        apply(state, Recorded(seq, time, address, event))
        check_counts(state)
    return state


def folded(*facts: tuple[str, Event]) -> ExecutionState:
    """Fold events, the first of which is number 1 and comes at second 1."""
    return fold(ExecutionState(), *facts)
