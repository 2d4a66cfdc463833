"""Who owes something: whose actor can do something without anything from outside."""

from __future__ import annotations

import pytest

from actorflow.model import events as ev
from actorflow.model.events import Data
from actorflow.model.parts import branch_of
from actorflow.model.rules import Fact
from actorflow.model.state import ExecutionState
from tests.model.folded import BROKE, PAUSED, START, fold, folded

BODY: list[Data] = ["activity", "work", None]


def begun(kind: str, **given: Data) -> list[Fact]:
    """Return how a step of that kind begins."""
    return [*START, ("main/s", ev.ActivationStarted(kind, "n", "s", given))]


def child(address: str, kind: str = "activity") -> Fact:
    """Return how something in it begins."""
    return address, ev.ActivationStarted(kind, "n")


def owes(state: ExecutionState) -> bool:
    """Return whether the step does."""
    return state.activations["main/s"].owes


@pytest.mark.parametrize("kind", ["loop", "route"])
def test_a_step_with_one_child_at_a_time_owes_what_follows(kind: str) -> None:
    """Not while the child runs; after a failure even in a pause, else not in one."""
    running = folded(*begun(kind), child("main/s@1"))
    assert not owes(running)

    assert owes(fold(running, ("main/s@1", ev.ActivationCompleted(1))))
    assert not owes(fold(running, PAUSED))

    failed = folded(*begun(kind), child("main/s@1"), PAUSED)
    fold(failed, ("main/s@1", ev.ActivationFailed(BROKE)))
    assert failed.activations["main/s"].owes


def test_a_map_of_pages_owes_items_while_a_page_is_fetched() -> None:
    """If there is room for them; and an end, once one has failed."""
    given = {"items": [], "bodies": [BODY], "limit": None, "source": "pages"}
    begin = begun("map", **given, on_error="fail_fast", cursor=None)
    state = folded(*begin, child("main/s@1"))
    step = state.activations["main/s"]
    assert not owes(state)

    fold(state, ("main/s@1", ev.ActivationCompleted()))
    fold(state, ("main/s", ev.ItemsFound([1, 2], cursor=2)))
    fold(state, child("main/s@2"))
    assert (step.open, step.owes) == (1, True)
    fold(state, ("main/s", ev.ItemsStarted(0, 2)))
    assert not owes(state)
    fold(state, ("main/s[1]", ev.ActivationFailed(BROKE)))
    assert owes(state)


@pytest.mark.parametrize(("limit", "wanting"), [(None, True), (1, False)])
def test_a_map_looks_for_more_while_items_run(
    limit: int | None, wanting: object
) -> None:
    """As soon as all it knows have been begun, if there is room for another one."""
    given = {"items": [], "bodies": [BODY], "limit": limit, "source": "pages"}
    state = folded(
        *begun("map", **given, on_error="wait", cursor=None),
        ("main/s", ev.ItemsFound([1], cursor=2)),
        ("main/s", ev.ItemsStarted(0, 1)),
    )
    assert owes(state) == wanting
    assert not owes(fold(state, PAUSED))


def test_a_flow_owes_its_beginning_and_its_end() -> None:
    """Between the two its branches do the work, failing or not."""
    state = folded(*begun("flow"))
    assert owes(state)
    fold(state, ("main/s", ev.FlowStarted()), ("main/s/a", ev.BranchStarted("t")))
    fold(state, ("main/s/b", ev.BranchStarted("t")), child("main/s/b/t"))
    assert not owes(state)

    fold(state, ("main/s/a", ev.BranchFailed(BROKE)))
    assert not owes(state)
    fold(state, ("main/s/b/t", ev.WaitStarted(0, "signal", "go")))
    assert owes(state)


def test_a_failure_is_owed_to_whoever_may_catch_it() -> None:
    """As long as nothing around has failed for good: then nobody acts any more."""
    body = ["flow", "f", None]
    given = {"items": [1], "bodies": [body], "limit": None, "on_error": "finish"}
    state = folded(
        *begun("map", **given),
        ("main/s", ev.ItemsStarted(0, 1)),
        ("main/s[0]", ev.FlowStarted()),
        ("main/s[0]/main", ev.BranchStarted("t")),
        child("main/s[0]/main/t"),
        PAUSED,
        ("main/s[0]/main/t", ev.ActivationFailed(BROKE)),
    )
    branch = state.branches["main/s[0]/main"]
    assert branch.owes

    state.activations["main/s"].phase = "failed"
    assert not state.branch_owes(branch)
    state.activations["main/s"].phase = "running"
    state.outcome = "failed"
    assert not state.branch_owes(branch)


def test_a_child_that_has_ended_is_to_be_looked_at() -> None:
    """Even in a pause."""
    end = "main/s", ev.ChildEnded("x", 3, "failed")
    state = folded(*begun("child"), ("main/s", ev.ChildStarted("x")), PAUSED, end)

    assert state.activations["main/s"].owes


MAP = {"items": [1, 2], "bodies": [BODY], "limit": None, "on_error": "finish"}


@pytest.mark.parametrize(
    "within",
    [
        [*begun("loop"), child("main/s@1")],
        [*begun("dynamic"), child("main/s/c#1"), child("main/s/c:k")],
        [*begun("map", **MAP), ("main/s", ev.ItemsStarted(0, 2))],
        [*begun("child"), ("main/s", ev.ChildStarted("x"))],
        [
            *begun("flow"),
            ("main/s", ev.FlowStarted()),
            ("main/s/a", ev.BranchStarted("t")),
            child("main/s/a/t"),
        ],
    ],
    ids=["loop", "dynamic", "map", "child", "flow"],
)
def test_what_is_left_is_forgotten_with_all_that_is_in_it(within: list[Fact]) -> None:
    """Nothing in it is busy any more, waits, or is looked after."""
    state = folded(*within, ("main", ev.BranchDiverted("t", BROKE)))

    assert (state.activations, state.waits, state.children) == ({}, {}, {})
    assert list(state.branches) == ["main"]
    assert (state.busy_children, state.branches["main"].busy_children) == (1, 0)


def test_one_after_the_other_is_one_at_a_time() -> None:
    """With a limit of one, an item that only waits makes no room for the next."""
    state = folded(
        *begun("map", **{**MAP, "limit": 1}), ("main/s", ev.ItemsStarted(0, 1))
    )
    step = state.activations["main/s"]
    assert (step.room, step.owes) == (0, False)
    fold(state, ("main/s[0]", ev.WaitStarted(0, "signal", "go")))
    assert (step.room, step.owes) == (0, False)

    fold(state, ("main/s[0]", ev.ActivationCompleted()))
    assert (step.room, step.owes) == (1, True)


@pytest.mark.parametrize(
    ("kind", "end", "told"),
    [
        ("wait_signal", None, False),
        ("wait_signal", ev.WaitEnded(0, answer=1), True),
        ("wait_signal", ev.WaitEnded(0, timed_out=True), False),
        ("ask", ev.WaitEnded(0, answer={"value": 1}), True),
        ("activity", ev.WaitEnded(0, answer=1), False),
    ],
)
def test_a_wait_is_told_what_somebody_gave_it(
    kind: str, end: ev.Event | None, *, told: bool
) -> None:
    """Not that its time is over; and an activity waits only on its way."""
    wait = "main/s", ev.WaitStarted(0, "signal", "go")
    ended: list[Fact] = [] if end is None else [("main/s", end)]
    state = folded(*begun(kind), wait, *ended)

    assert state.activations["main/s"].is_told == told


def test_a_part_lies_in_the_nearest_branch_that_was_set_apart() -> None:
    """Or in none that has a name."""
    named = "main/s", ev.ActivationStarted("dynamic", "n", "s", branch="left")
    state = folded(*START, named, child("main/s/c#1"))

    assert branch_of(state.activations["main/s/c#1"]) == "left"
    assert branch_of(state.branches["main"]) == ""
