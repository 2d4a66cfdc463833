"""What activations tell while they run, what a next try is given, and what is undone.

`folded` also counts from scratch, after every event, who owes and who is busy.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from actorflow.model import events as ev
from actorflow.model.events import Data
from actorflow.model.rules import Fact
from tests.model.folded import BROKE, NODE, START, WORKING, call, fold, folded

# --- what is told --------------------------------------------------------------------


def test_what_an_activation_tells_is_kept() -> None:
    """The last heartbeat, all values by key, and how many were yielded."""
    state = folded(
        *WORKING,
        *(("main/s", ev.HeartbeatReceived(n)) for n in (1, 2)),
        *(("main/s", ev.ValueRecorded(key, 7)) for key in "ab"),
        *(("main/s", ev.ValueEmitted(n)) for n in range(3)),
    )
    work = state.activations["main/s"]

    assert (work.heartbeat, work.records, work.emitted) == (2, {"a": 7, "b": 7}, 3)


@pytest.mark.parametrize("told", [ev.HeartbeatReceived(1), ev.ValueEmitted(1)])
def test_what_is_told_after_the_end_is_nobodys(told: ev.Event) -> None:
    """It may come late: the activation is not there any more, and stays away."""
    state = folded(*WORKING, ("main/s", ev.ActivationCompleted()), ("main/s", told))

    assert state.activations == {}


def test_a_follow_up_may_be_planned_again() -> None:
    """When an execution that was begun anew ends for the second time."""
    planned = [("", ev.FollowUpPlanned(name, f"x/{name}")) for name in "abb"]

    assert folded(*START, *planned).follow_ups == {"a": 1, "b": 2}


def test_a_node_that_begins_anew_counts_from_there() -> None:
    """Its first try, its time, and its input; children that it only started go on."""
    child = "main/s/c#1"
    state = folded(
        *NODE,
        ("main/s", ev.AttemptFailed(1, BROKE, retry_at=9.0)),
        ("main/s", ev.AttemptStarted(2, deadline=50.0)),
        call(1, "child"),
        (child, ev.ChildStarted("x")),
    )
    node = state.activations["main/s"]
    assert (node.attempt, node.until) == (2, 50)

    fold(state, ("main/s", ev.NodeContinued([1])), at=30.0)
    assert (node.attempt, node.until, node.started_at, node.input) == (1, None, 30, [1])
    assert (node.generation, list(state.activations)) == (2, ["main/s"])
    assert state.orphans == []


# --- what the next try of a node is given --------------------------------------------

ASKED: list[Fact] = [
    *NODE,
    call(1, "ask"),
    ("main/s/c#1", ev.ActivationCompleted("yes")),
    call(2, "wait_signal"),
    ("main/s/c#2", ev.ActivationCompleted("went")),
    call(3),
    ("main/s/c#3", ev.ActivationCompleted(3)),
    call(4, "ask"),
    ("main/s/c#4", ev.ActivationFailed(BROKE)),
    call(5, "wait_signal"),
    ("main/s/c#5", ev.WaitStarted(0, "signal", "go", deadline=99.0)),
    ("main/s/c#5", ev.WaitEnded(0, timed_out=True)),
]


@pytest.mark.parametrize(
    ("learned", "kept"),
    [
        (None, ["yes"]),
        (0, ["yes", "went"]),
        (1, ["yes", "went"]),
        (2, ["yes"]),
    ],
)
def test_what_a_node_was_told_reaches_its_next_try(
    learned: int | None, kept: list[Data]
) -> None:
    """What people have said, always; a signal, if the node has not learned of it.

    Not what it has found out itself, nor a failure, nor that time was over.
    """
    failed = ev.AttemptFailed(1, BROKE, retry_at=20.0, learned=learned)
    node = folded(*ASKED, ("main/s", failed)).activations["main/s"]

    assert node.past is not None
    assert [each.value for each in node.past.kept] == kept
    assert (node.attempt, node.phase, node.until) == (2, "backoff", 20)


def test_what_several_tries_were_told_adds_up() -> None:
    """A node may fail again and again, and nobody is asked twice."""
    failed = [("main/s", ev.AttemptFailed(n, BROKE, retry_at=20.0 + n)) for n in (1, 2)]
    state = folded(*ASKED, failed[0], ("main/s", ev.AttemptStarted(2)))
    fold(state, call(1, "ask"), ("main/s/c#1", ev.ActivationCompleted("sure")))
    fold(state, failed[1])

    past = state.activations["main/s"].past
    assert past is not None
    assert [each.value for each in past.kept] == ["yes", "sure"]


def test_a_retry_after_a_delay_is_timed_anew() -> None:
    """What a try takes is counted from where it began, and not from the failure."""
    state = folded(*WORKING)
    fold(state, ("main/s", ev.AttemptFailed(1, BROKE, retry_at=20.0)), at=10)
    fold(state, ("main/s", ev.AttemptStarted(2)), at=20)
    fold(state, ("main/s", ev.AttemptStarted(2)), at=25)  # as a process has died

    assert state.activations["main/s"].started_at == 20


# --- what is undone ------------------------------------------------------------------


def undoable(*names: str) -> list[Fact]:
    """Return steps that have ended and can be undone."""
    facts = list(START)
    for name in names:
        started = ev.ActivationStarted("activity", name, name, undo=f"un{name}")
        facts += [(f"main/{name}", started)]
        facts += [(f"main/{name}", ev.ActivationCompleted(name))]
    return facts


ENDS: list[Any] = [ev.ActivationCompleted(), ev.ActivationFailed(BROKE)]


@pytest.mark.parametrize("end", ENDS, ids=["undone", "failed"])
def test_what_is_undone_is_undone_once(end: ev.Event) -> None:
    """The last first; one that cannot be undone does not keep the others from it."""
    state = folded(
        *undoable("a", "b"),
        ("", ev.CompensationStarted(error=BROKE)),
        ("unb#2", ev.ActivationStarted("activity", "unb")),
    )
    assert [each.undo for each in state.compensations] == ["una", "unb"]

    fold(state, ("unb#2", end))
    assert [each.undo for each in state.compensations] == ["una"]
    assert list(state.activations) == []


def test_a_step_that_cannot_be_undone_is_not_remembered() -> None:
    """There may be millions of them."""
    assert folded(*WORKING, ("main/s", ev.ActivationCompleted())).compensations == []


CHILD: list[Fact] = [
    *START,
    ("main/s", ev.ActivationStarted("child", "w", "s", store="v")),
    ("main/s", ev.ChildStarted("x")),
]


@pytest.mark.parametrize("undoable", [False, True])
def test_the_end_of_a_child_is_its_result(*, undoable: bool) -> None:
    """And if it has something to undo, it is asked to when its parent is undone."""
    ended = ev.ChildEnded("x", 9, "completed", [7], undoable=undoable)
    state = folded(*CHILD, ("main/s", ended), ("main/s", ev.ActivationCompleted()))

    assert state.branches["main"].variables == {"v": [7]}
    assert (state.children, state.orphans) == ({}, [])
    undone = [(each.child, each.undo, each.result) for each in state.compensations]
    assert undone == ([("x", "w", [7])] if undoable else [])


def test_a_node_that_ends_well_leaves_its_children_at_work() -> None:
    """It has started them, and did not wait for them: that is its own affair."""
    started: list[Fact] = [
        *NODE,
        call(1, "child"),
        ("main/s/c#1", ev.ChildStarted("x")),
    ]
    well = folded(*started, ("main/s", ev.ActivationCompleted()))
    badly = folded(*started, ("main/s", ev.ActivationFailed(BROKE)))

    assert (well.orphans, well.children) == ([], {})
    assert [each.address for each in badly.orphans] == ["main/s/c#1"]


# --- what failed in a part -----------------------------------------------------------

FLOW: list[Fact] = [
    *NODE,
    call(1, "flow"),
    ("main/s/c#1", ev.FlowStarted()),
    ("main/s/c#1/main", ev.BranchStarted("t")),
]


def test_a_branch_of_a_flow_that_fails_fails_only_its_flow() -> None:
    """The node that has called the flow may catch that; what failed is kept meanwhile.

    Whether anything has failed in a part is looked for by none, if nothing has.
    """
    assert folded(*FLOW).part_failed is False

    state = folded(*FLOW, ("main/s/c#1/main", ev.BranchFailed(BROKE)))
    assert state.part_failed is True
    assert (state.scope.failing, state.scope_of("main/s/c#1").failing) == (None, BROKE)


def test_a_retry_lets_a_branch_that_failed_in_no_step_go_on() -> None:
    """As one whose edges could not be judged."""
    state = folded(
        *START,
        ("main", ev.BranchFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        ("", ev.ExecutionRetried()),
    )
    main = state.branches["main"]

    assert (main.status, main.error, state.scope.failing) == ("active", None, None)
    assert state.scope.active == {"main": None}
    assert (state.status, state.error) == ("running", None)


def test_nobody_in_a_flow_that_fails_owes_anything() -> None:
    """What was about to begin there does not; but the flow has to end."""
    within = [
        *FLOW,
        ("main/s/c#1/b", ev.BranchStarted("u", "main/s/c#1/main")),
        ("main/s/c#1/b/u", ev.ActivationStarted("flow", "g", "u")),
        ("main/s/c#1/b/u", ev.FlowStarted()),
        ("main/s/c#1/b/u/main", ev.BranchStarted("v")),
    ]
    before = folded(*within)
    after = folded(*within, ("main/s/c#1/main", ev.BranchFailed(BROKE)))

    assert before.branches["main/s/c#1/b/u/main"].owes
    assert not after.branches["main/s/c#1/b/u/main"].owes
    assert after.activations["main/s/c#1"].owes


def test_nothing_that_a_node_calls_in_a_flow_that_fails_owes_anything() -> None:
    """However deep it lies."""
    within = [
        *FLOW,
        ("main/s/c#1/main/t", ev.ActivationStarted("dynamic", "node", "t")),
        ("main/s/c#1/main/t/d#1", ev.ActivationStarted("loop", "d", input={})),
        ("main/s/c#1/b", ev.BranchStarted("u", "main/s/c#1/main")),
    ]
    before = folded(*within)
    after = folded(*within, ("main/s/c#1/b", ev.BranchFailed(BROKE)))

    assert before.activations["main/s/c#1/main/t/d#1"].owes
    assert not after.activations["main/s/c#1/main/t/d#1"].owes


def test_a_child_that_is_left_is_wanted_no_more() -> None:
    """Unless it was to go on alone."""
    alone = ("main/s", ev.ChildStarted("x", "abandon"))
    left: Fact = ("main/s", ev.ActivationCancelled())

    assert [each.address for each in folded(*CHILD, left).orphans] == ["main/s"]
    assert folded(*CHILD[:-1], alone, left).orphans == []


def test_what_is_undone_wants_its_children_no_more() -> None:
    """They are to be cancelled, whatever else is left to undo."""
    state = folded(*CHILD, ("", ev.CompensationStarted(error=BROKE)))

    assert [each.address for each in state.orphans] == ["main/s"]


# --- small facts ---------------------------------------------------------------------


def test_signals_are_told_apart_by_their_keys() -> None:
    """Each is taken in once, however often it is sent; without a key, every time."""
    keys = ["k", None, "l", None]
    signals = [("", ev.SignalReceived("go", n, key)) for n, key in enumerate(keys)]
    state = folded(*START, *signals)

    assert state.signal_keys == {"k", "l"}
    assert [payload for _, payload in state.signals["go"]] == [0, 1, 2, 3]


def test_a_branch_begins_with_what_the_one_it_leaves_has() -> None:
    """A copy: from there on each has its own."""
    state = folded(
        ("", ev.ExecutionStarted("w", "f", variables={"v": 0})),
        ("main", ev.BranchStarted("s")),
        ("main/s", ev.ActivationStarted("activity", "work", "s", store="v")),
        ("main/s", ev.ActivationCompleted(1)),
        ("a", ev.BranchStarted("t", "main")),
    )
    assert state.branches["a"].variables == {"v": 1}

    fold(state, ("a/t", ev.ActivationStarted("activity", "work", "t", store="v")))
    fold(state, ("a/t", ev.ActivationCompleted(2)))
    found = {name: branch.variables for name, branch in state.branches.items()}
    assert found == {"main": {"v": 1}, "a": {"v": 2}}


def test_a_failure_that_nobody_wants_is_not_kept() -> None:
    """A catch without a variable leaves none behind."""
    state = folded(*START, ("main", ev.BranchDiverted("t", BROKE)))

    assert state.branches["main"].variables == {}
    assert state.branches["main"].target == "t"


def test_a_part_that_was_left_is_not_waited_for() -> None:
    """As the iteration of a loop whose time is over."""
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted("loop", "s", "s", {})),
        ("main/s@1", ev.ActivationStarted("activity", "work")),
        ("main/s@1", ev.ActivationCancelled()),
    )

    assert state.activations["main/s"].open == 0
    assert list(state.activations) == ["main/s"]


def test_a_retry_begins_items_anew_that_were_left() -> None:
    """A map that failed fast left what ran; that has not failed itself."""
    given = {"items": [1, 2], "bodies": [["activity", "work", None]], "limit": None}
    started = ev.ActivationStarted(
        "map", "map", "s", {**given, "on_error": "fail_fast"}
    )
    state = folded(
        *START,
        ("main/s", started),
        ("main/s", ev.ItemsStarted(0, 2)),
        ("main/s[1]", ev.ActivationFailed(BROKE)),
        ("main/s[0]", ev.ActivationCancelled()),
        ("main/s", ev.ActivationFailed(BROKE)),
        ("main", ev.BranchFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        ("", ev.ExecutionRetried()),
    )
    fan = state.activations["main/s"].fan

    assert fan is not None
    assert ([*fan.redo], fan.failures, fan.live) == ([0, 1], {}, 0)
    assert state.activations["main/s[1]"].phase == "queued"


def test_a_retry_undoes_all_that_led_to_a_failure() -> None:
    """One that is made of several goes back to each of them."""
    both = [evolve(BROKE, address=f"main/s/c#{number}") for number in (1, 2)]
    whole = evolve(BROKE, causes=tuple(both))
    state = folded(
        *NODE,
        *(call(number) for number in (1, 2, 3)),
        ("main/s/c#3", ev.ActivationCompleted(3)),
        ("main/s/c#1", ev.ActivationFailed(both[0])),
        ("main/s/c#2", ev.ActivationFailed(both[1])),
        ("main/s", ev.ActivationFailed(whole)),
        ("main", ev.BranchFailed(whole)),
        ("", ev.ExecutionFailed(whole)),
        ("", ev.ExecutionRetried()),
    )
    node = state.activations["main/s"]

    assert node.past is not None
    assert (list(node.calls or {}), node.past.undone) == (["3"], {"1", "2"})
