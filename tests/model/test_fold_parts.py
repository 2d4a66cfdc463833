"""What events of nodes, children, items and retries mean, asked of the pure fold.

`folded` also counts from scratch, after every event, who owes and who is busy.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure
from actorflow.model.parts import ChildLink, Update, Wait
from actorflow.model.rules import Fact
from tests.model.folded import BROKE, NODE, START, WORKING, call, fold, folded

# --- calls of a dynamic node ---------------------------------------------------------


def test_a_call_is_told_by_the_visit_of_its_node() -> None:
    """So its key differs from that of the same call in an earlier visit."""
    state = folded(*NODE, call(1))
    assert state.activations["main/s/c#1"].visit == 1

    completed = ev.ActivationCompleted()
    fold(state, ("main/s/c#1", completed), ("main/s", completed))
    fold(state, ("main", ev.BranchMoved("s")), NODE[-1], call(1))
    assert state.activations["main/s/c#1"].visit == 2


@pytest.mark.parametrize(
    "acted",
    [
        call(2),
        ("main/s", ev.ValueRecorded("k", 1)),
        ("main/s", ev.ValueEmitted(1)),
        ("main/s", ev.NodeSettled()),
    ],
    ids=lambda fact: type(fact[1]).__name__,
)
def test_a_node_that_acts_has_taken_in_its_results(acted: Fact) -> None:
    """Until then it owes; so after a crash it is woken, and afterwards not for this."""
    state = folded(*NODE, call(1), call(3), ("main/s/c#1", ev.ActivationCompleted(5)))
    node = state.activations["main/s"]
    assert (node.seen, node.owes) == (0, True)

    fold(state, acted)
    assert (node.seen, node.owes) == (1, False)


def test_a_node_that_leaves_a_call_has_taken_in_its_results() -> None:
    """It left it because of them; and what it still waits for is its own affair."""
    state = folded(*NODE, *(call(n) for n in (1, 2, 3)))
    fold(state, ("main/s/c#1", ev.ActivationCompleted(5)))
    fold(state, ("main/s/c#2", ev.ActivationCancelled()))

    node = state.activations["main/s"]
    assert (node.seen, node.open, node.owes) == (1, 1, False)


def test_a_try_of_which_nothing_is_left_leaves_nothing() -> None:
    """There may be very many nodes that are tried again."""
    failed = "main/s", ev.AttemptFailed(1, BROKE, retry_at=9.0)
    state = folded(*NODE, call(1), failed)

    assert state.activations["main/s"].past is None


def test_a_node_that_begins_anew_has_called_nothing() -> None:
    """So it can go on at once, whatever it waited for."""
    recorded = "main/s", ev.ValueRecorded("k", 1)
    state = folded(*NODE, recorded, call(1), ("main/s", ev.NodeContinued(2)))

    node = state.activations["main/s"]
    assert (node.owes, node.generation, node.input) == (True, 2, 2)
    assert node.records is None
    assert list(state.activations) == ["main/s"]


@pytest.mark.parametrize("keyed", [True, False])
def test_the_answer_to_an_update_is_kept_for_its_key(*, keyed: bool) -> None:
    """If the caller has named one, and may ask again."""
    update = ev.WaitEnded(0, answer={"key": "k", "keyed": keyed})
    state = folded(
        *NODE,
        call(1, "update"),
        ("main/s/c#1", ev.WaitStarted(0, "update", "set")),
        ("main/s/c#1", update),
    )
    assert state.updates == {("set", "k"): Update("main/s", keyed)}
    fold(state, call(2), ("main/s/c#2", ev.ActivationCompleted(2)))
    node = state.activations["main/s"]
    assert (node.seen, node.owes) == (0, True)

    fold(state, ("main/s", ev.UpdateAnswered("set", "k", 9)))
    assert (node.seen, node.owes) == (1, False)
    answered = Update("main/s", keyed, answered=True, result=9)
    assert state.updates == ({("set", "k"): answered} if keyed else {})


# --- failures ------------------------------------------------------------------------


def test_what_has_failed_waits_for_nothing() -> None:
    """Neither for a signal nor for a time; but its branch has to do with it."""
    wait = "main/s", ev.WaitStarted(0, "signal", "go", deadline=50.0)
    state = folded(*WORKING, wait)
    assert (list(state.topics), state.wake_at, state.busy) == (["go"], 50, False)

    fold(state, ("main/s", ev.ActivationFailed(BROKE)))
    assert (state.waits, state.topics, state.wake_at) == ({}, {}, 101)
    assert state.branches["main"].owes


def test_a_node_that_fails_leaves_what_it_has_called() -> None:
    """A retry calls it anew; what has ended, or was given something, it has."""
    question = ev.WaitStarted(0, "question", "q")
    state = folded(
        *NODE,
        *(call(n) for n in (1, 4, 5, 6)),
        *(call(n, "ask") for n in (2, 3)),
        ("main/s/c#2", evolve(question, topic="r")),
        ("main/s/c#3", question),
        ("main/s/c#5", ev.ActivationCancelled()),
        ("main/s/c#3", ev.WaitEnded(0, answer={"value": True})),
        ("main/s/c#4", ev.ActivationCompleted(4)),
        ("main/s/c#6", ev.ActivationCancelled()),
        ("main/s", ev.ActivationFailed(BROKE)),
    )

    node = state.activations["main/s"]
    assert node.calls is not None
    assert node.past is not None
    assert set(node.calls) == {"3", "4", "5"}
    assert node.past.undone == {"1", "2", "6"}
    assert set(state.activations) == {"main/s", "main/s/c#3"}
    assert (node.open, state.questions) == (1, {})


@pytest.mark.parametrize("kind", ["flow", "activity"])
def test_what_a_node_may_catch_is_kept_for_a_retry(kind: str) -> None:
    """If it has parts; what waits in them waits in vain until then."""
    inner: list[Fact] = [
        ("main/s/c#1", ev.FlowStarted()),
        ("main/s/c#1/main", ev.BranchStarted("t")),
        ("main/s/c#1/main/t", ev.ActivationStarted("wait_signal", "t", "t")),
        ("main/s/c#1/main/t", ev.WaitStarted(0, "signal", "go")),
    ]
    state = folded(*NODE, call(1, kind), *(inner if kind == "flow" else ()))
    fold(state, ("main/s/c#1", ev.ActivationFailed(BROKE)))

    assert ("main/s/c#1" in state.activations) == (kind == "flow")
    assert (list(state.pending), state.part_failed) == ([], kind == "flow")


# --- executions of their own ---------------------------------------------------------

CHILD: list[Fact] = [*START, ("main/s", ev.ActivationStarted("child", "c", "s"))]


def test_a_child_is_waited_for_until_it_ends() -> None:
    """The latest end that was no good one is known by its child, until a good one."""
    state = folded(*CHILD, ("main/s", ev.ChildStarted("x")))
    activation = state.activations["main/s"]
    assert state.waits == {"main/s": Wait(0, "child", "x", None, 4.0)}

    bad, good = (
        ev.ChildEnded("x", n, s) for n, s in ((9, "failed"), (15, "completed"))
    )
    fold(state, ("main/s", bad))
    assert (state.waits, activation.phase, state.child_ends) == ({}, "ended", {"x": 9})
    assert activation.link == ChildLink("x", end=bad)

    fold(state, ("main/s", ev.ChildStarted("x")))
    assert activation.link == ChildLink("x", end=bad)
    fold(state, ("main/s", good))
    assert (state.child_ends, activation.link) == ({}, ChildLink("x", end=good))

    fold(state, ("main/s", ev.ChildStarted("y", "abandon")))
    assert activation.link == ChildLink("y", attached=False)
    fold(state, ("main/s", evolve(bad, execution="y")))
    assert activation.link == ChildLink("y", False, evolve(bad, execution="y"))


def test_an_end_may_come_without_a_beginning() -> None:
    """To what undoes a child: it has been there all the time."""
    end = ev.ChildEnded("x", 3, "completed")
    state = folded(
        *WORKING,
        ("", ev.CompensationStarted()),
        ("undo#0", ev.ActivationStarted("undo", "x")),
        ("undo#0", end),
    )

    assert state.activations["undo#0"].link == ChildLink("x", end=end)


@pytest.mark.parametrize("close", ["cancel", "abandon"])
def test_children_are_not_wanted_once_their_parent_has_failed(close: str) -> None:
    """But for those that go on alone."""
    state = folded(*CHILD, ("main/s", ev.ChildStarted("x", close)))
    fold(state, ("", ev.ExecutionFailed(BROKE)))

    assert [each.address for each in state.orphans] == ["main/s"] * (close == "cancel")


def test_children_of_what_ends_well_go_on() -> None:
    """They were not left; nobody only waits for them any more."""
    state = folded(*CHILD, ("main/s", ev.ChildStarted("x")))
    fold(state, ("", ev.ExecutionCompleted({"out": 1})))

    assert (state.orphans, state.outcome, state.output) == ([], "completed", {"out": 1})
    assert state.finished_at == 5


def test_a_cancellation_has_its_reason() -> None:
    """And a failure its error."""
    cancelled = fold(folded(*START), ("", ev.ExecutionCancelled("too late")))
    failed = fold(folded(*START), ("", ev.ExecutionFailed(BROKE)))

    assert (cancelled.status, cancelled.reason) == ("cancelled", "too late")
    assert (failed.status, failed.error) == ("failed", BROKE)


# --- items ---------------------------------------------------------------------------


def mapping(*bodies: list[Data], source: str | None = None, **more: Data) -> Fact:
    """Return how a map begins."""
    given = {"items": [1, 2, 3], "bodies": list(bodies), "limit": None}
    given |= {"on_error": "fail_fast", **more}
    given |= {} if source is None else {"source": source, "items": []}
    return "main/s", ev.ActivationStarted("map", "map", "s", given)


def test_what_items_run_may_be_told_without_what_undoes_it() -> None:
    """As older logs tell it."""
    state = folded(
        *START, mapping(["activity", "work"]), ("main/s", ev.ItemsStarted(0, 1))
    )
    fold(state, ("main/s[0]", ev.ActivationCompleted(7)))

    assert state.compensations == []


def test_pages_for_which_nothing_is_run_are_results() -> None:
    """All there at once, so none is to be started."""
    found = ev.ItemsFound([1, 2], last=True)
    state = folded(*START, mapping(source="pages", cursor=None), ("main/s", found))

    fan = state.activations["main/s"].fan
    assert fan is not None
    assert (fan.results, len(fan.items), fan.startable) == ([1, 2], 2, False)
    assert (fan.finished, state.activations["main/s"].owes) == (True, True)


def test_items_that_failed_are_counted_again_when_they_are_tried_again() -> None:
    """Each is busy once more, and the map that had rested has something to wait for."""
    body = ["activity", "work", None]
    state = folded(
        *START,
        mapping(body, on_error="finish"),
        ("main/s", ev.ItemsStarted(0, 3)),
        ("main/s[0]", ev.ActivationCompleted(1)),
        ("main/s[1]", ev.ActivationFailed(BROKE)),
        ("main/s[2]", ev.ActivationFailed(BROKE)),
        ("main/s", ev.ActivationFailed(BROKE)),
        ("main", ev.BranchFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        ("", ev.ExecutionRetried()),
    )
    parent, item = state.activations["main/s"], state.activations["main/s[1]"]
    assert parent.fan is not None
    assert (item.phase, parent.busy_children, [*parent.fan.redo]) == (
        "queued",
        0,
        [1, 2],
    )

    fold(state, ("main/s", ev.ItemsStarted(1, 2)))
    assert (parent.busy_children, parent.fan.live, [*parent.fan.redo]) == (2, 2, [])


# --- retries -------------------------------------------------------------------------

FAILED: list[Fact] = [
    ("main/s", ev.ActivationFailed(BROKE)),
    ("main", ev.BranchFailed(BROKE)),
    ("", ev.ExecutionFailed(BROKE)),
]
RETRIED: Fact = ("", ev.ExecutionRetried())


def broken(address: str) -> Failure:
    """Return a failure that began there."""
    return evolve(BROKE, address=address)


def test_a_retry_counts_from_the_first_try() -> None:
    """What happened to earlier tries does not count against the new ones."""
    state = folded(
        *WORKING,
        ("", ev.ExecutionRecovered("me", 2)),
        ("main/s", ev.AttemptFailed(1, BROKE, retry_at=9.0)),
        ("main/s", ev.AttemptStarted(2)),
        *FAILED,
    )
    assert state.status == "failed"
    fold(state, RETRIED, at=20)

    work = state.activations["main/s"]
    assert (work.phase, work.attempt, work.error) == ("running", 1, None)
    assert work.interruptions == 0
    assert (state.until, state.status, state.error) == (120, "running", None)


def test_a_retry_asks_again_after_children_it_had_left() -> None:
    """They were told to stop when it failed; so each is looked for anew."""
    child = "a/s", ev.ActivationStarted("child", "c", "s")
    state = folded(
        *WORKING,
        ("a", ev.BranchStarted("s", "main")),
        child,
        ("a/s", ev.ChildStarted("x")),
        *FAILED,
        RETRIED,
    )

    left = state.activations["a/s"]
    assert (left.phase, left.owes, state.waits) == ("running", True, {})


def test_a_retry_takes_an_end_that_is_there() -> None:
    """A child that has ended is not looked for again."""
    end = "main/s", ev.ChildEnded("x", 3, "completed")
    other: list[Fact] = [
        ("a", ev.BranchStarted("s", "main")),
        ("a/s", ev.ActivationStarted("activity", "work", "s")),
        ("a/s", ev.ActivationFailed(BROKE)),
        ("a", ev.BranchFailed(BROKE)),
    ]
    state = folded(*CHILD, ("main/s", ev.ChildStarted("x")), end, *other, FAILED[-1])
    fold(state, RETRIED)

    assert state.activations["main/s"].phase == "ended"


def test_a_retry_goes_back_to_before_the_failure() -> None:
    """What a node left, called and yielded because of it has not happened."""
    state = folded(
        *NODE,
        *(call(n) for n in (1, 2, 3, 4)),
        ("main/s/c#1", ev.ActivationFailed(broken("main/s/c#1"))),
        ("main/s", ev.NodeSettled(0, 0)),
        ("main/s/c#3", ev.ActivationFailed(broken("main/s/c#3"))),
        ("main/s/c#2", ev.ActivationCompleted(2)),
        ("main/s", ev.ValueEmitted(1)),
        ("main/s", ev.NodeSettled(1, 1)),
        ("main/s/c#4", ev.ActivationCancelled()),
        ("main/s", ev.ValueEmitted(2)),
        call(5),
        ("main/s/c#5", ev.ActivationCompleted(5)),
        ("main/s", ev.ValueRecorded("k", 1)),
        ("main/s", ev.ActivationFailed(broken("main/s/c#3"))),
        *FAILED[1:],
        RETRIED,
    )

    node = state.activations["main/s"]
    assert node.calls is not None
    assert node.past is not None
    loose = {number: each.loose for number, each in node.calls.items()}
    assert loose == {"1": False, "2": False, "5": True}
    ended = [(each.address[-1], each.index) for each in node.ended or ()]
    assert ended == [("1", 0), ("2", 1), ("5", 2)]
    assert node.past.undone == {"3", "4"}
    assert (node.seen, node.emitted, node.open) == (3, 1, 0)

    fold(state, ("main/s", ev.AttemptFailed(1, BROKE, retry_at=99.0)))
    assert not node.past.undone
    assert node.emitted == 0


def test_a_retry_repeats_only_the_part_that_failed() -> None:
    """Of a call that has parts, which is under way again."""
    flow = "main/s/c#1"
    state = folded(
        *NODE,
        call(1, "flow"),
        (flow, ev.FlowStarted()),
        (f"{flow}/main", ev.BranchStarted("t")),
        (f"{flow}/main/t", ev.ActivationStarted("activity", "work", "t")),
        (f"{flow}/main/t", ev.ActivationFailed(BROKE)),
        (f"{flow}/main", ev.BranchFailed(BROKE)),
        (flow, ev.ActivationFailed(broken(flow))),
        ("main/s", ev.ActivationFailed(broken(flow))),
        *FAILED[1:],
        RETRIED,
    )

    assert state.activations["main/s"].open == 1
    phases = {address: each.phase for address, each in state.activations.items()}
    assert set(phases.values()) == {"running"}
    assert set(phases) == {"main/s", flow, f"{flow}/main/t"}


def test_a_map_starts_another_item_when_one_ends() -> None:
    """As long as there are any, and no more at once than its limit."""
    body = ["activity", "work", None]
    started = "main/s", ev.ItemsStarted(0, 2, bare=True)
    state = folded(*START, mapping(body, limit=2), started)
    parent = state.activations["main/s"]
    assert (parent.owes, parent.busy_children) == (False, 2)

    fold(state, ("main/s[1]", ev.ActivationCompleted(7)))
    assert (parent.owes, parent.busy_children) == (True, 1)
    fold(state, ("main/s", ev.ItemsStarted(2, 1, bare=True)))
    assert (parent.owes, parent.busy_children) == (False, 2)
    fold(state, ("main/s[0]", ev.ActivationCompleted(5)))
    fold(state, ("main/s[2]", ev.ActivationCompleted(9)))
    assert (parent.owes, parent.busy_children) == (True, 0)
    assert parent.fan is not None
    assert parent.fan.results == [5, 7, 9]
