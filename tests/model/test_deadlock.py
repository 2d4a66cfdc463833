"""Joins that can never be satisfied are refused, and no others."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.model import validation
from actorflow.model.deadlock import LARGEST
from actorflow.model.events import ActivationCompleted, ActivationStarted
from actorflow.testing import runtime

E = af.Edge


def go(name: str, *edges: af.Edge, **settings: object) -> af.Step:
    """Return a step that only leads on."""
    return af.Step(name, decide=True, next=edges, **settings)  # type: ignore[arg-type]


def meet(name: str, *edges: af.Edge, **join: object) -> af.Step:
    """Return a join."""
    return af.Step(name, join=af.Join(**join), next=edges)  # type: ignore[arg-type]


def stuck_in(*steps: af.Step) -> list[str]:
    """Return the joins of which is said that they wait for ever."""
    return [problem.split("'")[1] for problem in problems_of(*steps)]


def problems_of(*steps: af.Step) -> tuple[str, ...]:
    """Return what is wrong with a graph of *steps*."""
    try:
        af.Workflow("w", steps=steps)
    except af.DefinitionError as error:
        return tuple(error.problems)
    return ()


BOTH = go("s", E("j1", branch="a"), E("j2", branch="b"))
ROUND = af.Step("round", sleep=1, next=[E("round")])
STUCK = {  # with the joins that are, whose names begin with a j
    "two joins list each other": (
        BOTH,
        meet("j1", branches=["b"]),
        meet("j2", branches=["a"]),
    ),
    "two joins wait for everybody": (BOTH, meet("j1"), meet("j2")),
    "three joins in a circle": (
        go("s", E("j1", branch="a"), E("j2", branch="b"), E("j3", branch="c")),
        meet("j1", branches=["b"]),
        meet("j2", branches=["c"]),
        meet("j3", branches=["a"]),
    ),
    "a branch goes round for ever": (
        go("s", E("round", branch="a"), E("j1", branch="b")),
        ROUND,
        meet("j1", branches=["a"]),
    ),
    "more are wanted than can end": (
        go("s", E("round", branch="a"), E("x", branch="c"), E("j1", branch="b")),
        ROUND,
        go("x"),
        meet("j1", branches=["a", "c"], count=2),
    ),
    "behind a join that is stuck": (
        go("s", E("round", branch="a"), E("j2", branch="b"), E("j1", branch="c")),
        ROUND,
        meet("j2", branches=["a"]),
        meet("j1", branches=["b"]),
    ),
    "steps lie before the joins": (
        go("s", E("x", branch="a"), E("y", branch="b")),
        go("x", E("j1")),
        go("y", E("j2")),
        meet("j1", branches=["b"]),
        meet("j2", branches=["a"]),
    ),
    "branches have no names": (go("s", E("j1"), E("j2")), meet("j1"), meet("j2")),
    "a branch goes round after its join": (
        go("s", E("x", branch="a"), E("k1", branch="b"), E("j1", branch="c")),
        go("x"),
        meet("k1", E("round"), branches=["a"]),
        ROUND,
        meet("j1", branches=["b"]),
    ),
}
FINE = {
    "one branch may not have begun": (
        go("s", E("j1", branch="a"), E("x"), E("j2", branch="b", when="inputs.both")),
        meet("j1", branches=["b"]),
        meet("j2", branches=["a"]),
        go("x"),
    ),
    "only one of two begins": (
        go(
            "s",
            E("j1", branch="a", when="inputs.a"),
            E("round", branch="b"),
            edges="first",
        ),
        meet("j1", branches=["b"]),
        ROUND,
    ),
    "what is listed begins behind the join, and goes round": (
        go("s", E("j1")),
        meet("j1", E("round", branch="late"), branches=["late"]),
        ROUND,
    ),
    "a branch of several steps": (
        go("s", E("x", branch="a"), E("j1", branch="b")),
        go("x", E("y")),
        go("y"),
        meet("j1", branches=["a"]),
    ),
    "the second to arrive at a join ends there": (
        go("s", E("x", branch="a"), E("y", branch="c"), E("j2", branch="b")),
        af.Step("x", sleep=1, next=[E("j1")]),
        go("y", E("j1")),
        meet("j1", branches=["b"]),
        meet("j2", branches=["a"]),
    ),
    "a join goes on and lets another go on": (
        go("s", E("x", branch="a"), E("j1", branch="b"), E("j2", branch="c")),
        go("x"),
        meet("j1", branches=["a"]),
        meet("j2", branches=["b"]),
    ),
    "a branch ends some steps behind its join": (
        go("s", E("x", branch="a"), E("j1", branch="b"), E("j2", branch="c")),
        go("x"),
        meet("j1", E("x"), branches=["a"]),
        meet("j2", branches=["b"]),
    ),
    "one of all is enough": (
        go("s", E("round", branch="a"), E("x", branch="b"), E("j1", branch="c")),
        ROUND,
        go("x"),
        meet("j1", count=1),
    ),
    "a circle with a way out": (
        go("s", E("round", branch="a"), E("j1", branch="b")),
        af.Step("round", sleep=1, next=[E("round", when="state.more")]),
        meet("j1", branches=["a"]),
    ),
    "a circle that a failure leaves": (
        go("s", E("try", branch="a"), E("j1", branch="b")),
        af.Step("try", activity="a", next=[E("try")], catch=[af.Catch(goto="give-up")]),
        go("give-up"),
        meet("j1", branches=["a"]),
    ),
    "a circle that a timeout leaves": (
        go("s", E("try", branch="a"), E("j1", branch="b")),
        af.Step(
            "try",
            wait_signal=af.WaitSignal(topic="t", timeout=1, on_timeout="give-up"),
            next=[E("try")],
        ),
        go("give-up"),
        meet("j1", branches=["a"]),
    ),
    "enough others can end": (
        go("s", E("round", branch="a"), E("x", branch="c"), E("j1", branch="b")),
        ROUND,
        go("x"),
        meet("j1", branches=["a", "c"], count=1),
    ),
    "all that are listed come to the join": (
        go("s", E("j1", branch="a"), E("j1", branch="b")),
        meet("j1", branches=["a", "b"]),
    ),
    "the one that waits is listed too": (
        go("s", E("x", branch="a"), E("j1", branch="b")),
        go("x"),
        meet("j1", branches=["a", "b"]),
    ),
    "one join after the other": (
        go("s", E("x", branch="a"), E("j1", branch="b")),
        go("x"),
        meet("j1", E("j2"), branches=["a"]),
        meet("j2", branches=["a"]),
    ),
    "the listed branch begins behind the join": (
        go("s", E("j1")),
        meet("j1", E("x", branch="late"), branches=["late"]),
        go("x"),
    ),
    "a split ends the branch that is waited for": (
        go("s", E("x", branch="a"), E("j1", branch="b")),
        go("x", E("round", branch="c"), E("y", branch="d")),
        go("y"),
        ROUND,
        meet("j1", branches=["a"]),
    ),
}


@pytest.mark.parametrize("case", STUCK)
def test_a_join_that_can_never_be_satisfied_is_refused(case: str) -> None:
    """What would wait for ever in every run is told before the first."""
    steps = STUCK[case]

    assert stuck_in(*steps) == [s.name for s in steps if s.name.startswith("j")]


@pytest.mark.parametrize("case", STUCK)
def test_what_is_refused_would_hang(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check, such a join begins to wait and is never over."""
    stuck = {f"/{name}" for name in stuck_in(*STUCK[case])}
    monkeypatch.setattr(validation, "deadlock_problems", lambda _: ())
    workflow = af.Workflow("w", steps=STUCK[case])
    with runtime(workflow) as rt:
        run = rt.start(workflow)
        rt.clock.advance(10)
        history = run.history()

    begun = {r.address[-3:] for r in history if isinstance(r.event, ActivationStarted)}
    over = {r.address[-3:] for r in history if isinstance(r.event, ActivationCompleted)}
    assert stuck <= begun
    assert not stuck & over


def test_a_join_names_the_branch_it_would_wait_for() -> None:
    """The message says who waits, for whom, and where that one begins."""
    (problem,) = problems_of(*STUCK["a branch goes round for ever"])
    waits = "step 'j1' waits for branch 'a', begun at 'round'"

    assert problem == f"{waits}, which can never end before it"


def test_a_join_names_the_beginning_of_a_branch_without_a_name() -> None:
    """A branch that gets a number when it begins is told by where that is."""
    problem, _ = problems_of(*STUCK["branches have no names"])

    assert problem.startswith("step 'j1' waits for a branch, begun at 'j2', which")


@pytest.mark.parametrize("case", FINE)
def test_a_join_that_may_be_satisfied_is_accepted(case: str) -> None:
    """Only what is certain is refused."""
    assert problems_of(*FINE[case]) == ()


@pytest.mark.parametrize(("more", "stuck"), [(0, ["j1", "j2"]), (1, [])])
def test_a_very_large_graph_is_not_looked_through(more: int, stuck: list[str]) -> None:
    """A file cannot keep the validation busy; a run finds the deadlock instead."""
    links = LARGEST - 4 + more
    chain = [go(f"s{n}", E(f"s{n + 1}")) for n in range(links)]
    first = go("start", E("j1", branch="a"), E("j2", branch="b"), E("s0", branch="c"))
    joins = meet("j1", branches=["b"]), meet("j2", branches=["a"])

    assert stuck_in(first, *joins, *chain, go(f"s{links}")) == stuck


def test_what_cannot_be_reached_is_told_beside_what_is_stuck() -> None:
    """A join that no edge leads to is a problem of its own, and hides no other."""
    alone = meet("alone", branches=["a"])
    problems = problems_of(*STUCK["a branch goes round for ever"], alone)

    assert [problem.split(" ")[2:4] for problem in problems] == [
        ["can", "never"],
        ["waits", "for"],
    ]
