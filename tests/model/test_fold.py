"""What single events mean, asked of the pure fold.

`folded` also counts from scratch, after every event, who owes and who is busy.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from actorflow.model import events as ev
from actorflow.model.events import Data
from actorflow.model.parts import Answer, Pause
from actorflow.model.rules import Fact
from tests.model.folded import (
    BROKE,
    NODE,
    PAUSED,
    RESUMED,
    START,
    WORKING,
    call,
    fold,
    folded,
)

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


def test_a_step_that_pauses_stops_the_clock_of_the_whole() -> None:
    """As if somebody had paused it; until all such steps are over."""
    pause = ev.WaitStarted(0, "pause")
    state = folded(*START, ("a", ev.BranchStarted("s", "main")))
    for step in ("main/s", "a/s"):
        fold(state, (step, ev.ActivationStarted("pause", "s", "s")), at=10)
        fold(state, (step, pause), at=11)
    assert (state.frozen, state.until) == (11, 101)

    fold(state, ("a/s", ev.WaitEnded(0)), at=21)
    assert (state.frozen, state.until) == (11, 101)
    fold(state, ("main/s", ev.WaitEnded(0)), at=31)
    assert (state.frozen, state.until) == (None, 121)


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


def test_waits_for_one_topic_end_one_by_one() -> None:
    """First come, first served; what ends in a pause has no clock afterwards."""
    waits: list[Fact] = [
        (f"{name}/s", event)
        for name in ("main", "b")
        for event in (
            ev.ActivationStarted("wait_signal", "s", "s"),
            ev.WaitStarted(0, "signal", "go", deadline=50.0),
        )
    ]
    state = folded(*START, ("b", ev.BranchStarted("s", "main")), *waits, PAUSED)
    fold(state, ("main/s", ev.WaitEnded(0, timed_out=True)))
    assert state.topics == {"go": {"b/s": None}}

    fold(state, RESUMED, ("main/s", waits[1][1]))
    assert state.topics == {"go": {"b/s": None, "main/s": None}}
    assert (state.activations["main/s"].frozen, state.wake_at) == (None, 50)
