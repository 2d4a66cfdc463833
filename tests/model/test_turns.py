"""Where a history may be cut: never inside what was decided at once."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.rules import Fact
from actorflow.model.turns import whole
from tests.model.folded import BROKE

STARTED: Fact = ("", ev.ExecutionStarted("w", "f"))
MAIN: Fact = ("main", ev.BranchStarted("s"))
FLOW: Fact = ("main/s", ev.ActivationStarted("flow", "f", "s"))
WALKED: Fact = ("main/s", ev.FlowStarted())
INNER: Fact = ("main/s/main", ev.BranchStarted("t"))
DECIDE: Fact = ("main/s", ev.ActivationStarted("decide", "d", "s"))
WORK: Fact = ("main/s", ev.ActivationStarted("activity", "work", "s"))
DONE: Fact = ("main/s", ev.ActivationCompleted())
SIGNAL: Fact = ("", ev.SignalReceived("go"))
WAIT: Fact = ("main/s", ev.WaitStarted(1, "signal", "go"))
ONE: Fact = ("main-1", ev.BranchStarted("a", "main"))
TWO: Fact = ("main-2", ev.BranchStarted("b", "main"))


def ended(*, signal: int | None) -> Fact:
    """Return how a wait ends, by which signal if by one."""
    return "main/s", ev.WaitEnded(1, signal=signal, timed_out=signal is None)


def cut(facts: list[Fact], at: int) -> int:
    """Return how many events are taken, if there are to be *at* of them."""
    events = [Recorded(n, 0.0, *fact) for n, fact in enumerate(facts, 1)]
    taken = whole(events, at)

    assert taken == events[: len(taken)]
    return len(taken)


TOGETHER: dict[str, list[Any]] = {
    "an execution has its first branch": [STARTED, MAIN],
    "a flow has its first branch": [WALKED, INNER],
    "a step that is a flow is walked": [FLOW, WALKED],
    "a choice is made at once": [DECIDE, DONE],
    "a step that waits is waiting": [
        ("main/s", ev.ActivationStarted("wait", "s", "s")),
        WAIT,
    ],
    "branches come at once": [ONE, TWO],
    "who forks has ended": [ONE, ("main", ev.BranchCompleted())],
    "who waits for a signal takes it": [SIGNAL, ended(signal=1)],
}
APART: dict[str, list[Any]] = {
    "a step": [MAIN, WORK],
    "an end after an activity": [WORK, DONE],
    "another step that is decided": [
        DECIDE,
        ("main/t", ev.ActivationStarted("decide", "d", "t")),
    ],
    "a wait of another": [DECIDE, ("main-1/s", ev.WaitStarted(1, "time"))],
    "the end of another": [DECIDE, ("main-1/s", ev.ActivationCompleted())],
    "a branch of another parent": [ONE, ("other-1", ev.BranchStarted("b", "other"))],
    "a branch of nobody": [ONE, ("other", ev.BranchStarted("b"))],
    "the end of another branch": [ONE, ("main-2", ev.BranchCompleted())],
    "what follows a fork": [ONE, ("main-1/a", ev.ActivationStarted("map", "a", "a"))],
    "a branch after a first one": [MAIN, ("other", ev.BranchStarted("b"))],
    "a failure after a branch": [MAIN, ("main", ev.BranchFailed(BROKE))],
    "a signal after a signal": [SIGNAL, SIGNAL],
    "a pause after a start": [STARTED, ("", ev.ExecutionPaused())],
    "a deadline": [WAIT, ended(signal=None)],
    "another event after a wait": [WAIT, SIGNAL],
    "an event after an end": [DONE, MAIN],
}


@pytest.mark.parametrize("facts", TOGETHER.values(), ids=TOGETHER.keys())
def test_what_was_decided_at_once_stays_together(facts: list[Fact]) -> None:
    """Whoever cuts in its middle gets all of it, and nothing of what comes after."""
    whole_turn = [*facts, ("", ev.ExecutionResumed())]

    assert {cut(whole_turn, at) for at in range(1, len(facts) + 1)} == {len(facts)}


@pytest.mark.parametrize("facts", APART.values(), ids=APART.keys())
def test_what_was_decided_later_is_left_out(facts: list[Fact]) -> None:
    """A fork at an event does not begin with what its original did next."""
    assert cut(facts, 1) == 1


def test_a_signal_that_ends_another_wait() -> None:
    """A signal that came is not followed by a wait that an earlier signal ends."""
    facts: list[Any] = [SIGNAL, SIGNAL, ended(signal=1)]

    assert cut(facts, 2) == 2


def test_a_wait_that_a_later_signal_ends() -> None:
    """A wait is only over at once if its signal had come before it."""
    facts: list[Any] = [SIGNAL, WAIT]

    assert cut([*facts, ended(signal=1)], 2) == 3
    assert cut([*facts, ended(signal=2)], 2) == 2
    assert cut([*facts, ended(signal=3)], 2) == 2


def test_the_wait_of_another_that_ends() -> None:
    """What another step takes was decided in another turn."""
    other: Fact = ("main-1/s", ev.WaitEnded(1, signal=1))

    assert cut([SIGNAL, WAIT, other], 2) == 2


def test_as_much_as_there_is() -> None:
    """Whoever asks for more events than there are gets all of them."""
    assert cut([STARTED, MAIN, WORK], 99) == 3
    assert cut([], 1) == 0
