"""What follows from a definition and a state, asked of the pure rules themselves."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.events import Data
from tests.model.folded import fold, folded

START = ("", ev.ExecutionStarted("w", "f")), ("main", ev.BranchStarted("s"))


class Plain:
    """An evaluator for which every expression is its own value."""

    def condition(self, when: Any, view: rules.View) -> bool:
        """Hold if it is true."""
        return bool(when)

    def data(self, template: Any, view: rules.View) -> Data:
        """Return it."""
        return template

    value = data

    def arguments(self, node: Any, parameters: Any, view: rules.View) -> Data:
        """Return them."""
        return parameters

    def undo_of(self, node: Any) -> str | None:
        """Undo nothing."""
        return None

    def items(self, over: Any, view: rules.View) -> list[Data] | None:
        """Return them."""
        return list(over)


def entered(
    step: af.Step, branch: str = "main", *more: rules.Fact, now: float = 10.0
) -> list[ev.Event]:
    """Return the events that entering *step* records, but for the first."""
    state = folded(*START, *more)
    facts = rules.enter(step, state, state.branches[branch], Plain(), now)

    assert {address for address, _ in facts} == {f"{branch}/{step.name}"}
    return [event for _, event in facts][1:]


WAITS = {
    "sleep": (af.Step("s", sleep=5), ev.WaitStarted(0, "time", deadline=15.0)),
    "pause": (af.Step("s", pause="why"), ev.WaitStarted(0, "pause", reason="why")),
    "signal": (
        af.Step("s", wait_signal=af.WaitSignal(topic="go", timeout=3)),
        ev.WaitStarted(0, "signal", "go", 13.0),
    ),
    "question": (
        af.Step("s", ask=af.Ask(timeout=4)),
        ev.WaitStarted(0, "question", "s", deadline=14.0, reason="s", schema="boolean"),
    ),
    "question in words": (
        af.Step("s", ask=af.Ask(prompt="sure?", id="q")),
        ev.WaitStarted(0, "question", "q", reason="sure?", schema="boolean"),
    ),
}


@pytest.mark.parametrize(("step", "wait"), WAITS.values(), ids=WAITS)
def test_a_step_that_waits_has_one_wait(step: af.Step, wait: ev.WaitStarted) -> None:
    """Its number is 0, and its deadline so many seconds from now."""
    assert entered(step) == [wait]


@pytest.mark.parametrize("kind", ["signal", "question"])
def test_a_deadline_is_told_to_the_microsecond(kind: str) -> None:
    """As all times in the log, so that sums of times can be compared."""
    (wait,) = entered(WAITS[kind][0], now=0.123456789)

    assert isinstance(wait, ev.WaitStarted)
    assert wait.deadline == {"signal": 3.123457, "question": 4.123457}[kind]


def asking(address: str, topic: str) -> list[rules.Fact]:
    """Return how a question is asked."""
    return [
        (address, ev.ActivationStarted("ask", "ask", "other")),
        (address, ev.WaitStarted(0, "question", topic)),
    ]


def test_a_question_is_named_after_its_step() -> None:
    """Or after its address, where that name would not be the only one."""
    step = af.Step("s", ask=af.Ask())
    second = ("main-1", ev.BranchStarted("s"))
    flow = [
        ("main/f", ev.ActivationStarted("flow", "f", "f")),
        ("main/f", ev.FlowStarted()),
        ("main/f/main", ev.BranchStarted("s")),
    ]

    def name(*given: Any) -> str | None:
        (wait,) = entered(step, *given)
        assert isinstance(wait, ev.WaitStarted)
        return wait.topic

    assert name("main") == "s"
    assert name("main", second, *asking("main-1/other", "s")) == "main/s"
    assert name("main-1", second, *asking("main/other", "t")) == "s"
    assert name("main/f/main", *flow) == "main/f/main/s"


# --- signals -------------------------------------------------------------------------

WAITING: list[rules.Fact] = [
    *START,
    ("main/s", ev.ActivationStarted("wait_signal", "wait_signal", "s")),
    ("main/s", ev.WaitStarted(0, "signal", "go")),
]
FIRST, SECOND = ev.SignalReceived("go", 1), ev.SignalReceived("go", 2)


def test_a_signal_goes_to_the_first_that_waits() -> None:
    """In the same breath; what it is given is the event after the present one."""
    state = folded(*WAITING)

    assert rules.signal(state, FIRST) == [
        ("", FIRST),
        ("main/s", ev.WaitEnded(0, signal=state.version + 1)),
    ]


def test_a_signal_waits_for_the_end_of_a_pause() -> None:
    """It is only kept; when the pause ends, it is handed out."""
    paused = ("", ev.ExecutionPaused()), ("", FIRST)
    state = folded(*WAITING, *paused[:1])

    assert rules.signal(state, FIRST) == [("", FIRST)]
    assert rules.answers(fold(state, paused[1])) == []
    fold(state, ("", ev.ExecutionResumed()))
    assert rules.answers(state) == [("main/s", ev.WaitEnded(0, signal=6))]


def test_a_signal_does_not_overtake_an_older_one() -> None:
    """One that was kept during a pause comes first, whenever the pause ends."""
    state = folded(*WAITING, ("", ev.ExecutionPaused()), ("", FIRST))
    fold(state, ("", ev.ExecutionResumed()))

    assert rules.signal(state, SECOND) == [("", SECOND)]


# --- joins ---------------------------------------------------------------------------


def arriving(branch: str) -> rules.Fact:
    """Return how a branch comes to the join."""
    mappings: Data = {"mappings": {}}
    return f"{branch}/j", ev.ActivationStarted("join", "join", "j", mappings)


def arrived(branch: str, *facts: rules.Fact) -> list[rules.Fact]:
    """Return what follows when *branch* comes to the join, after some *facts*."""
    state = folded(*START, *facts, arriving(branch))
    return rules.arrive(state, state.activations[f"{branch}/j"], state.branches[branch])


FORKED: list[rules.Fact] = [
    ("a", ev.BranchStarted("j", "main")),
    ("b", ev.BranchStarted("j", "main")),
    ("main", ev.BranchCompleted()),
    arriving("a"),
]
JOINED: rules.Fact = ("a/j", ev.ActivationCompleted(["a"]))


def test_the_second_branch_ends_at_a_join() -> None:
    """Whether the first still waits there, or has gone on."""
    end = [("b", ev.BranchCompleted())]

    assert arrived("b", *FORKED) == end
    assert arrived("b", *FORKED, JOINED) == end


def test_a_join_may_be_met_again() -> None:
    """By the branch that went on, or by one that was begun since."""
    later = ("c", ev.BranchStarted("j", "a"))

    assert arrived("a", *FORKED, JOINED) == []
    assert arrived("c", *FORKED, JOINED, later) == []
