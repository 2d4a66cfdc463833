"""Joins that can never be satisfied are refused, and no others."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.model.deadlock import LARGEST

E = af.Edge


def go(name: str, *edges: af.Edge, **settings: object) -> af.Step:
    """Return a step that only leads on."""
    return af.Step(name, decide=True, next=edges, **settings)  # type: ignore[arg-type]


def meet(name: str, *edges: af.Edge, **join: object) -> af.Step:
    """Return a join."""
    return af.Step(name, join=af.Join(**join), next=edges)  # type: ignore[arg-type]


def problems_of(*steps: af.Step) -> tuple[str, ...]:
    """Return what is wrong with a graph of *steps*."""
    try:
        af.Workflow("w", steps=steps)
    except af.DefinitionError as error:
        return tuple(error.problems)
    return ()


BOTH = go("s", E("j1", branch="a"), E("j2", branch="b"))
ROUND = af.Step("round", sleep=1, next=[E("round")])
STUCK = {
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
}
FINE = {
    "one branch may not have begun": (
        go("s", E("j1", branch="a"), E("j2", branch="b", when="inputs.both")),
        meet("j1", branches=["b"]),
        meet("j2", branches=["a"]),
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
    problems = problems_of(*STUCK[case])

    assert problems
    assert all("which can never end before it" in problem for problem in problems)


def test_a_join_names_the_branch_it_would_wait_for() -> None:
    """The message says who waits, for whom, and where that one begins."""
    (problem,) = problems_of(*STUCK["a branch goes round for ever"])
    waits = "step 'j1' waits for branch 'a', begun at 'round'"

    assert problem == f"{waits}, which can never end before it"


@pytest.mark.parametrize("case", FINE)
def test_a_join_that_may_be_satisfied_is_accepted(case: str) -> None:
    """Only what is certain is refused."""
    assert problems_of(*FINE[case]) == ()


def test_a_very_large_graph_is_not_looked_through() -> None:
    """A file cannot keep the validation busy; a run finds the deadlock instead."""
    chain = [go(f"s{n}", E(f"s{n + 1}")) for n in range(LARGEST)]
    first = go("start", E("j1", branch="a"), E("j2", branch="b"), E("s0", branch="c"))
    stuck = (first, meet("j1", branches=["b"]), meet("j2", branches=["a"]))

    assert problems_of(*stuck, *chain, go(f"s{LARGEST}")) == ()
