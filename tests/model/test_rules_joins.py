"""When a join is satisfied, and by which branches, asked of the pure rules."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.events import Data
from tests.model.folded import folded
from tests.model.test_rules import START, arriving


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


def met(join: af.Join, *ends: str) -> list[Data]:
    """Return what b's join takes over, after these of the others have ended."""
    rest = af.Step("x", sleep=1)
    edges = [
        af.Edge(step, branch=name) for name, step in zip("abc", "xjx", strict=True)
    ]
    start = af.Step("s", decide=True, next=edges)
    wf = af.Workflow("w", steps=[start, rest, af.Step("j", join=join)])
    state = folded(
        *START,
        *((name, ev.BranchStarted("x", "main")) for name in "abc"),
        ("main", ev.BranchCompleted()),
        arriving("b"),
        *((name, ev.BranchCompleted()) for name in ends),
    )
    found = list(rules.satisfied_joins(wf, state, "", {}))

    assert {address for address, _ in found} <= {"b/j"}
    return [event.result for _, event in found if isinstance(event, ANY_END)]


ANY_END = ev.ActivationCompleted
ALL, SOME = af.Join(), af.Join(count=1)
LISTED, OF_TWO = af.Join(branches=["a"]), af.Join(branches=["c", "a"], count=1)
ITSELF = af.Join(branches=["b", "a"], count=1)


@pytest.mark.parametrize(
    ("join", "ends", "taken"),
    [
        (LISTED, "", None),
        (LISTED, "c", None),
        (LISTED, "a", ["a"]),
        (OF_TWO, "", None),
        (OF_TWO, "a", ["a"]),
        (OF_TWO, "ac", ["c", "a"]),
        (ITSELF, "", None),
        (ITSELF, "c", None),
        (ITSELF, "a", ["b", "a"]),
        (ALL, "c", None),
        (ALL, "ca", ["a", "c"]),
        (SOME, "", None),
        (SOME, "c", ["c"]),
    ],
)
def test_a_join_waits_for_as_many_others_as_it_wants(
    join: af.Join, ends: str, taken: list[str] | None
) -> None:
    """Listed ones count in their order; if none are listed, all in that of beginning.

    The branch that forked into the others is none of them, and neither is its own.
    """
    assert met(join, *ends) == ([] if taken is None else [taken])


@pytest.mark.parametrize(
    ("ends", "going", "taken"),
    [
        ("", "c", None),  # c may still start a
        ("", "d", []),  # d cannot
        ("c", "d", []),
        ("c", "", []),
    ],
)
def test_a_join_waits_for_what_may_still_begin(
    ends: str, going: str, taken: list[str] | None
) -> None:
    """A branch that has not begun counts as long as another one leads to its edge."""
    edges = [af.Edge("j", branch="b"), af.Edge("x", branch="c"), af.Edge("y")]
    steps = [
        af.Step("s", decide=True, next=edges),
        af.Step("x", decide=True, next=[af.Edge("y", branch="a")]),
        af.Step("y", sleep=1),
        af.Step("j", join=af.Join(branches=["a"])),
    ]
    begun = {"b": "j", "c": "x", "d": "y"}
    state = folded(
        *START,
        *((name, ev.BranchStarted(begun[name], "main")) for name in f"b{ends}{going}"),
        ("main", ev.BranchCompleted()),
        arriving("b"),
        *((name, ev.BranchCompleted()) for name in ends),
    )
    found = list(rules.satisfied_joins(af.Workflow("w", steps=steps), state, "", {}))

    wanted = [] if taken is None else [("b/j", ev.ActivationCompleted(taken))]
    assert found == wanted
