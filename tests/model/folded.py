"""States made from events, for tests of the pure model."""

from __future__ import annotations

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure, Recorded
from actorflow.model.fold import apply
from actorflow.model.rules import Fact
from actorflow.model.state import ExecutionState
from actorflow.testing.laws import check_counts

BROKE = Failure("activity_failed", "it broke")
START: list[Fact] = [
    ("", ev.ExecutionStarted("w", "f", timeout=100.0)),
    ("main", ev.BranchStarted("s")),
]
WORKING: list[Fact] = [
    *START,
    ("main/s", ev.ActivationStarted("activity", "work", "s")),
    ("main/s", ev.AttemptStarted(1)),
]
NODE: list[Fact] = [*START, ("main/s", ev.ActivationStarted("dynamic", "node", "s"))]
PAUSED: Fact = ("", ev.ExecutionPaused())
RESUMED: Fact = ("", ev.ExecutionResumed())


def call(number: int, kind: str = "activity", input: Data = None) -> Fact:
    """Return how the node makes a call."""
    return f"main/s/c#{number}", ev.ActivationStarted(kind, "c", input=input)


def fold(
    state: ExecutionState, *facts: Fact, at: float | None = None
) -> ExecutionState:
    """Apply events to *state*, each a second after the one before unless *at* says."""
    for address, event in facts:
        seq = state.version + 1
        time = float(seq) if at is None else at
        apply(state, Recorded(seq, time, address, event))
        check_counts(state)
    return state


def folded(*facts: Fact) -> ExecutionState:
    """Fold events, the first of which is number 1 and comes at second 1."""
    return fold(ExecutionState(), *facts)
