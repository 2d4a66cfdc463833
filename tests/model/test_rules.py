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


class Judging(Plain):
    """One that asks the functions that are conditions."""

    def condition(self, when: Any, view: rules.View) -> bool:
        """Return what it says."""
        return bool(when(view))


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


# --- edges ---------------------------------------------------------------------------


@pytest.mark.parametrize(("edges", "taken"), [("all", "acd"), ("first", "a")])
def test_edges_whose_conditions_hold_are_taken(edges: Any, taken: str) -> None:
    """All of them, or the first; one without a condition always holds."""
    whens = {"a": lambda s: True, "b": lambda s: False, "c": None, "d": lambda s: 1}
    nexts = [af.Edge("t", when=when, branch=n) for n, when in whens.items()]
    step = af.Step("s", decide=True, next=nexts, edges=edges)
    state = folded(*START)
    found = rules.follow(step, state, state.branches["main"], Judging())

    assert "".join(str(edge.branch) for edge in found) == taken


# --- the end -------------------------------------------------------------------------


def arriving(branch: str) -> rules.Fact:
    """Return how a branch comes to the join."""
    mappings: Data = {"mappings": {}}
    return f"{branch}/j", ev.ActivationStarted("join", "join", "j", mappings)


BROKE = ev.Failure("activity_failed", "it broke")


def ending(*outputs: af.Output) -> af.Workflow:
    """Make a workflow that may start a branch b, with these outputs."""
    start = af.Step("s", decide=True, next=[af.Edge("t", branch="b")])
    steps = [start, af.Step("t", sleep=1)]
    return af.Workflow("w", steps=steps, state={"x": 1, "y": 1}, outputs=outputs)


GRAPH = ending(af.Output("x"), af.Output("y", branch="b", default=2))


def test_a_graph_ends_when_nothing_goes_on() -> None:
    """With what its outputs name, or their defaults."""
    started = ev.ExecutionStarted("w", "f", variables={"x": 3})
    state = folded(("", started), START[1])
    assert rules.finish(GRAPH, state, "") is None

    fold(state, ("main", ev.BranchCompleted()))
    assert rules.finish(GRAPH, state, "") == rules.Output({"x": 3, "y": 2})


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (af.Output("y"), "branch 'main' has no variable 'y'"),
        (af.Output("x", branch="b"), "branch 'b' was never started"),
    ],
    ids=["no variable", "no branch"],
)
def test_an_output_that_is_not_there_is_a_failure(wanted: af.Output, why: str) -> None:
    """And it says what is missing: the variable, or the branch."""
    state = folded(*START, ("main", ev.BranchCompleted()))
    end = rules.finish(ending(wanted), state, "")

    assert isinstance(end, af.Failure)
    assert why in end.message


def test_a_graph_fails_when_what_runs_in_it_has_ended() -> None:
    """Work that is under way is not cut off by the failure of another branch."""
    state = folded(
        *START,
        ("a", ev.BranchStarted("s", "main")),
        ("a/s", ev.ActivationStarted("activity", "work", "s")),
        ("a/s", ev.AttemptStarted(1)),
        ("main", ev.BranchFailed(BROKE)),
    )
    assert rules.finish(GRAPH, state, "") is None

    fold(state, ("a/s", ev.ActivationCompleted()))
    assert rules.finish(GRAPH, state, "") == BROKE


def test_joins_that_wait_for_each_other_fail_their_graph() -> None:
    """With the first of them as the place; but not while one of them is paused."""
    state = folded(
        *START,
        ("a", ev.BranchStarted("j", "main")),
        ("b", ev.BranchStarted("j", "main")),
        ("main", ev.BranchCompleted()),
        arriving("b"),
        arriving("a"),
    )
    end = rules.finish(GRAPH, state, "")
    assert isinstance(end, ev.Failure)
    assert (end.type, end.address) == ("definition", "a/j")

    fold(state, ("", ev.ExecutionPaused("b")))
    assert rules.finish(GRAPH, state, "") is None


# --- maps ----------------------------------------------------------------------------


def mapped(on_error: str, *failing: int) -> ev.Failure | None:
    """Return how a map failed whose items failed in this order."""
    given = {
        "items": [1, 2, 3],
        "bodies": [["activity", "work", None]],
        "limit": None,
        "on_error": on_error,
    }
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted("map", "map", "s", given)),
        ("main/s", ev.ItemsStarted(0, 3)),
    )
    for index in failing:
        failure = ev.Failure("activity_failed", f"{index} broke")
        fold(state, (f"main/s[{index}]", ev.ActivationFailed(failure)))
    return rules.map_failure(state.activations["main/s"])


def test_the_first_item_that_failed_tells_how_a_map_failed() -> None:
    """The first by its place, not by time; with how many others, and all as causes."""
    failure, one = mapped("finish", 2, 1), mapped("finish", 2)
    assert failure is not None
    assert one is not None

    assert failure.message == "1 broke (and 1 more)"
    assert [cause.message for cause in failure.causes] == ["1 broke", "2 broke"]
    assert one.message == "2 broke"
    assert mapped("finish") is None
    assert mapped("continue", 1) is None
