"""What single events mean, asked of the pure fold.

`folded` also counts from scratch, after every event, who owes and who is busy.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure
from actorflow.model.parts import Answer, ChildLink, Pause, Update, Wait
from actorflow.model.rules import Fact
from tests.model.folded import fold, folded

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


# --- time ----------------------------------------------------------------------------


def test_the_time_of_an_execution_stands_still_during_a_pause() -> None:
    """What was left of it when the pause came is left when it goes."""
    state = folded(*START)
    assert (state.until, state.frozen) == (101, None)

    fold(state, PAUSED, at=11)
    fold(state, ("", ev.SignalReceived("go")), at=12)
    assert (state.frozen, state.wake_at) == (11, None)

    fold(state, RESUMED, at=31.00000049)
    fold(state, ("", ev.SignalReceived("go")), at=40)
    assert (state.until, state.frozen, state.wake_at) == (121, None, 121)


SLEEPING: list[Fact] = [
    *START,
    ("a", ev.BranchStarted("s", "main")),
    ("a/s", ev.ActivationStarted("sleep", "s", "s")),
    ("a/s", ev.WaitStarted(0, "time", deadline=60.0)),
    ("b", ev.BranchStarted("s", "main")),
    ("b/s", ev.ActivationStarted("sleep", "s", "s")),
    ("b/s", ev.WaitStarted(0, "time", deadline=50.0)),
    ("main", ev.BranchCompleted()),
]


def test_a_pause_stops_the_clocks_it_covers() -> None:
    """Those of a branch, or all; and each only until its own pause is over."""
    state = folded(*SLEEPING)
    a, b, step = (state.activations.get(n) for n in ("a/s", "b/s", "main/s"))
    assert (a and a.until, b and b.until, step) == (60, 50, None)
    assert a is not None
    assert b is not None

    fold(state, ("", ev.ExecutionPaused("b")), at=20)
    assert (a.frozen, b.frozen, state.wake_at, state.status) == (None, 20, 60, "paused")
    assert (state.topics, state.listening) == ({}, {})
    fold(state, PAUSED, at=30)
    assert (a.frozen, b.frozen, state.wake_at) == (30, 20, None)
    fold(state, ("", ev.ExecutionResumed("b")), at=40)
    assert (a.frozen, b.frozen, state.wake_at) == (30, 20, None)
    fold(state, RESUMED, at=45)
    assert (a.until, b.until, state.wake_at) == (75, 75, 75)


def test_one_branch_goes_on_while_another_is_paused() -> None:
    """Each has a pause of its own, and no pause stops what has no clock."""
    state = folded(*WORKING, *SLEEPING[2:-1])
    for branch in ("a", "b"):
        fold(state, ("", ev.ExecutionPaused(branch, "why")), at=20)
    fold(state, ("", ev.ExecutionResumed("a")), at=30)

    assert state.paused_branches == {"b": Pause("why", 20)}
    assert (state.activations["a/s"].until, state.wake_at) == (70, 70)
    assert state.activations["main/s"].frozen is None
    assert fold(state, RESUMED).paused_branches == {}


def test_times_are_told_to_the_microsecond() -> None:
    """Sums too, so that what is replayed is the same."""
    state = folded(
        ("", ev.ExecutionStarted("w", "f", timeout=0.12345678)), *SLEEPING[1:]
    )
    assert state.until == 1.123457

    fold(state, PAUSED, at=20)
    fold(state, RESUMED, at=20.12345678)
    assert state.activations["a/s"].until == 60.123457
    assert state.until == 1.246914


def test_a_try_after_a_delay_begins_at_its_own_time() -> None:
    """A node's clock is that of its try; one that was interrupted keeps its time."""
    state = folded(*WORKING)
    activation = state.activations["main/s"]
    fold(state, ("", ev.ExecutionRecovered("me", 2)), ("main/s", ev.AttemptStarted(1)))
    assert activation.started_at == 3

    fold(state, ("main/s", ev.AttemptFailed(1, BROKE, retry_at=20.0)))
    assert activation.started_at == 3
    fold(state, ("main/s", ev.AttemptStarted(2)), at=20)
    assert (activation.started_at, activation.attempt) == (20, 2)


# --- beginnings ----------------------------------------------------------------------

QUEUED = ev.ExecutionQueued("w", {"a": 1}, {"customer": "acme"}, 2, ["gpu"])
SIGNAL: Fact = ("", ev.SignalReceived("go", 7, key="k"))


def test_what_is_queued_shows_what_it_will_be() -> None:
    """Its inputs, since when, and its place: ten minutes ahead by its priority."""
    state = folded(("", QUEUED))

    assert (state.status, state.workflow, state.started_at) == ("queued", "w", 1)
    assert (state.inputs, state.attributes) == ({"a": 1}, {"customer": "acme"})
    assert (state.rank, state.tags) == (1 - 600, ("gpu",))


def test_what_came_while_it_was_queued_is_meant_for_it() -> None:
    """The signal is still there when it begins, and its key is known."""
    state = folded(("", QUEUED), SIGNAL, ("", ev.ExecutionStarted("w", "f")))

    assert {t: [*queue] for t, queue in state.signals.items()} == {"go": [(2, 7)]}
    assert (state.signal_keys, state.queued, state.starts) == ({"k"}, None, 1)
    fold(state, ("", ev.SignalReceived("go")))
    assert state.signal_keys == {"k"}


def test_what_begins_anew_knows_nothing_of_before() -> None:
    """But for how often it was begun."""
    state = folded(*WORKING, SIGNAL, PAUSED, *START)
    fresh = folded(*START)

    assert (state.signals, state.signal_keys, state.paused) == ({}, None, None)
    assert state.activations == {}
    assert (state.starts, fresh.starts) == (2, 1)
    assert state.until == state.started_at + 100


# --- interruptions -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "times"),
    [(ev.ExecutionReleased(), 0), (ev.ExecutionRecovered("me", 2), 1)],
    ids=["released", "recovered"],
)
def test_what_was_under_way_is_tried_again(event: ev.Event, times: int) -> None:
    """Whether its process died or gave it up; only the first counts against it."""
    node = [("b", START[1][1]), ("b/s", ev.ActivationStarted("dynamic", "d", "s"))]
    state = folded(*WORKING, *node, ("", event))

    work, other = state.activations["main/s"], state.activations["b/s"]
    assert (work.phase, work.interruptions, work.owes) == ("interrupted", times, True)
    assert other.phase == "running"


def test_what_is_given_up_in_a_pause_begins_when_that_ends() -> None:
    """As its execution is paused, nobody tries it again before."""
    state = folded(*WORKING, PAUSED, ("", ev.ExecutionReleased()))
    assert state.status == "paused"

    fold(state, RESUMED)
    assert state.activations["main/s"].owes


def test_nothing_goes_on_in_what_is_undone() -> None:
    """No branch enters another step once compensation has begun."""
    state = folded(*START, ("", ev.CompensationStarted(BROKE)))

    assert (state.branches["main"].owes, state.status) == (False, "running")


# --- tries ---------------------------------------------------------------------------


def test_a_try_that_fails_in_a_pause_waits_for_its_end() -> None:
    """So the execution is at rest; what had been told of the try is still known."""
    emitted = "main/s", ev.ValueEmitted(1)
    state = folded(*WORKING, emitted, PAUSED)
    assert state.status == "running"

    fold(state, ("main/s", ev.AttemptFailed(1, BROKE, retry_at=20.0)))
    activation = state.activations["main/s"]
    assert (state.status, state.wake_at) == ("paused", None)
    assert (activation.phase, activation.error) == ("backoff", BROKE)
    assert (activation.emitted, activation.past) == (1, None)

    fold(state, ("main/s", ev.AttemptStarted(2)))
    assert state.status == "running"


def test_what_a_person_said_reaches_the_next_try() -> None:
    """An answer, and a signal that the node has not learned of, are not asked twice."""
    state = folded(
        *NODE,
        call(1, "ask", "ok?"),
        ("main/s/c#1", ev.WaitStarted(0, "question", "q")),
        call(2, "wait_signal", {"topic": "go"}),
        ("main/s/c#2", ev.WaitStarted(0, "signal", "go")),
        call(3, "ask", "sure?"),
        ("main/s/c#3", ev.WaitStarted(0, "question", "r")),
        ("main/s/c#1", ev.WaitEnded(0, answer={"value": True})),
        ("", ev.SignalReceived("go", 7)),
        ("main/s/c#2", ev.WaitEnded(0, signal=11)),
        ("main/s", ev.AttemptFailed(1, BROKE, retry_at=20.0, learned=0)),
    )

    node = state.activations["main/s"]
    assert node.past is not None
    kept = [(each.address, each.value) for each in node.past.kept]
    assert kept == [("main/s/c#1", True), ("main/s/c#2", 7)]
    assert (node.calls, node.open, list(state.waits)) == (None, 0, [])


def test_what_compensates_is_not_compensated() -> None:
    """It belongs to no branch, whose state could be remembered."""
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted("activity", "work", "s", undo="undo")),
        ("main/s", ev.ActivationCompleted()),
    )
    assert [each.undo for each in state.compensations] == ["undo"]

    fold(
        state,
        ("", ev.CompensationStarted()),
        ("undo#1", ev.ActivationStarted("activity", "undo", undo="redo")),
        ("undo#1", ev.ActivationCompleted()),
    )
    assert state.compensations == []


def test_the_end_of_a_wait_that_is_not_pending_is_kept() -> None:
    """Whoever asks for it is given it."""
    state = folded(*WORKING, ("main/s", ev.WaitEnded(0, answer=7)))

    assert state.activations["main/s"].answers == {0: Answer(7, timed_out=False, at=5)}


def test_a_wait_takes_one_signal_and_its_clock_stops() -> None:
    """The next signal is for the next wait."""
    wait = "main/s", ev.WaitStarted(0, "signal", "go", deadline=50.0)
    state = folded(*WORKING, SIGNAL, ("", ev.SignalReceived("go", 8)), wait)
    fold(state, ("main/s", ev.WaitEnded(0, signal=5)))

    work = state.activations["main/s"]
    assert work.answers == {0: Answer(7, timed_out=False, at=8)}
    assert (work.phase, state.topics, state.wake_at) == ("running", {}, 101)
    assert [*state.signals["go"]] == [(6, 8)]

    fold(state, wait, ("main/s", ev.WaitEnded(1, signal=6)))
    assert (state.signals, set(work.answers)) == ({}, {0, 1})


# --- branches ------------------------------------------------------------------------


def test_only_branches_that_nobody_named_are_counted() -> None:
    """So a name that looks like a number takes none from those that come."""
    forked = [(name, ev.BranchStarted("t", "main")) for name in ("main-x", "house7")]
    assert folded(*START, *forked).forks == 0
    assert folded(*START, ("main-3", ev.BranchStarted("t", "main"))).forks == 3


def test_a_branch_that_moves_enters_that_step_next() -> None:
    """Also if its process dies in between: the next one knows where to."""
    state = folded(*WORKING, ("main/s", ev.ActivationCompleted()))
    branch = state.branches["main"]
    assert (branch.target, branch.current, branch.owes) == (None, None, True)

    fold(state, ("main", ev.BranchMoved("t")))
    assert (branch.target, branch.step) == ("t", "s")


@pytest.mark.parametrize("entered", [False, True])
def test_a_branch_that_turns_aside_leaves_its_step(*, entered: bool) -> None:
    """If it had come so far: a step may fail as it is entered."""
    state = folded(*(WORKING if entered else START))
    fold(state, ("main", ev.BranchDiverted("t", BROKE, "e")))

    branch = state.branches["main"]
    assert (state.activations, branch.current, branch.target) == ({}, None, "t")
    assert branch.variables["e"]["message"] == "it broke"


def test_a_flow_that_begins_in_a_pause_is_at_rest() -> None:
    """Its first branch goes on when the pause ends."""
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted("flow", "f", "s")),
        ("main/s", ev.FlowStarted()),
        PAUSED,
        ("main/s/main", ev.BranchStarted("t")),
    )
    assert state.status == "paused"

    fold(state, RESUMED)
    assert (state.status, state.branches["main/s/main"].owes) == ("running", True)


def test_a_flow_whose_last_branch_ends_in_a_pause_may_end() -> None:
    """What has ended need not wait for the end of the pause."""
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted("flow", "f", "s")),
        ("main/s", ev.FlowStarted()),
        ("main/s/main", ev.BranchStarted("t")),
        PAUSED,
        ("main/s/main", ev.BranchCompleted()),
    )

    assert state.activations["main/s"].owes


def test_a_branch_that_ends_in_a_step_leaves_it() -> None:
    """As the second to come to a join does."""
    joining = ev.ActivationStarted("join", "join", "j", {"mappings": {}})
    state = folded(*START, ("main/j", joining), ("main", ev.BranchCompleted()))

    assert (state.activations, state.scope.joining, state.scope.active) == ({}, {}, {})
    assert state.branches["main"].current is None


def test_the_first_failure_of_a_graph_is_its_failure() -> None:
    """Nothing new begins in it then, and what has failed is not active."""
    second = evolve(BROKE, message="it broke, too")
    state = folded(
        *START,
        ("a", ev.BranchStarted("t", "main")),
        ("main", ev.BranchFailed(BROKE)),
    )
    assert not state.branches["a"].owes

    fold(state, ("a", ev.BranchFailed(second)))
    assert (state.scope.failing, state.scope.active) == (BROKE, {})


def test_what_a_branch_would_have_given_is_nothing() -> None:
    """If it was never started; what the variable held before stays."""
    mappings: Data = {"mappings": {"b.x": "x", "b.y": "y"}}
    state = folded(
        ("", ev.ExecutionStarted("w", "f", variables={"y": False})),
        ("main", ev.BranchStarted("j")),
        ("main/j", ev.ActivationStarted("join", "join", "j", mappings)),
        ("main/j", ev.ActivationCompleted([])),
    )

    assert state.branches["main"].variables == {"x": None, "y": False}


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
