"""What a state says of itself: its status, when it wakes, and what is in it."""

from __future__ import annotations

import pytest

from actorflow.model import events as ev
from actorflow.model.events import Failure
from actorflow.model.parts import Result
from actorflow.model.rules import Fact
from actorflow.model.state import ExecutionState, rests_alone
from tests.model.folded import fold, folded

BROKE = Failure("activity_failed", "it broke")
START: list[Fact] = [
    ("", ev.ExecutionStarted("w", "f")),
    ("main", ev.BranchStarted("s")),
]
NODE: list[Fact] = [*START, ("main/s", ev.ActivationStarted("dynamic", "node", "s"))]


def waiting(
    address: str, kind: str = "signal", until: float | None = None
) -> list[Fact]:
    """Return how something begins to wait."""
    step = {"time": "sleep", "signal": "wait_signal", "pause": "pause"}[kind]
    topic = "go" if kind == "signal" else None
    return [
        (address, ev.ActivationStarted(step, "s", "s")),
        (address, ev.WaitStarted(0, kind, topic, deadline=until)),
    ]


MAP = {
    "items": [1, 2],
    "bodies": [["activity", "work", None]],
    "limit": None,
    "on_error": "fail_fast",
}
# --- status --------------------------------------------------------------------------

QUEUED: Fact = ("", ev.ExecutionQueued("w"))
PAUSED: Fact = ("", ev.ExecutionPaused())


@pytest.mark.parametrize(
    ("facts", "status", "reason"),
    [
        ([QUEUED], "queued", None),
        ([QUEUED, PAUSED], "paused", "paused"),
        (START, "running", None),
        ([*START, PAUSED], "paused", "paused"),
        ([*START, ("main", ev.BranchCompleted())], "running", None),
        ([*START, ("main", ev.BranchFailed(BROKE))], "running", None),
        ([*START, *waiting("main/s")], "suspended", "waiting"),
        ([*START, *waiting("main/s", "time", 9.0)], "suspended", "sleeping"),
        ([*START, *waiting("main/s", "pause")], "paused", "paused"),
        ([*START, *waiting("main/s"), ("", ev.ExecutionPaused("main"))],)
        + ("paused",) * 2,
        ([*START, ("", ev.ExecutionPaused("b"))], "running", None),
        ([*START, PAUSED, ("", ev.ExecutionCompleted())], "completed", None),
    ],
)
def test_the_status_is_the_first_that_applies(
    facts: list[Fact], status: str, reason: str | None
) -> None:
    """How it ended, queued, running, paused, suspended; and only rest has a reason."""
    state = folded(*facts)

    assert (state.status, state.suspension_reason) == (status, reason)


# --- clocks --------------------------------------------------------------------------


def lost(*inner: Fact) -> list[Fact]:
    """Return how a flow in a node fails while something waits in it."""
    flow = "main/s/c#1"
    return [
        *NODE,
        (flow, ev.ActivationStarted("flow", "c")),
        (flow, ev.FlowStarted()),
        (f"{flow}/main", ev.BranchStarted("t")),
        *inner,
        (flow, ev.ActivationFailed(BROKE)),
    ]


def test_a_clock_in_what_has_failed_does_not_ring() -> None:
    """The next one that does is told, and so is the end of the execution's time."""
    sleep = waiting("main/s/c#1/main/t", "time", 50.0)
    state = folded(*lost(*sleep))
    assert (state.wake_at, list(state.pending)) == (None, [])

    others = [("b", ev.BranchStarted("s", "main")), *waiting("b/s", "time", 70.0)]
    others += [("c", ev.BranchStarted("s", "main")), *waiting("c/s", "time", 60.0)]
    fold(state, *others)
    assert state.wake_at == 60
    fold(state, ("", ev.ExecutionPaused("c")))
    assert state.wake_at == 70
    fold(state, ("", ev.DeadlineSet(40.0)))
    assert state.wake_at == 40


def test_what_lies_in_what_has_failed_is_lost() -> None:
    """Be it there already, or about to begin there; nothing else is."""
    wait = waiting("main/s/c#1/main/t")
    flow, failing = folded(*lost(*wait)), folded(*lost(*wait)[:-1])
    fold(failing, ("main/s/c#1/main", ev.BranchFailed(BROKE)))
    for state in (flow, failing):
        inner = ("main/s/c#1", "main/s/c#1/main", "main/s/c#1/main/t", "main/s/c#1/b")
        assert [state.is_lost(each) for each in inner] == [True] * 4
        assert all(state.is_halted(each) for each in inner)
        assert [state.is_lost(each) for each in ("main/s", "ghost", "")] == [False] * 3

    mapped = folded(
        *NODE,
        ("main/s/c#1", ev.ActivationStarted("map", "c", input=MAP)),
        ("main/s/c#1", ev.ItemsStarted(0, 2)),
        ("main/s/c#1", ev.ActivationFailed(BROKE)),
    )
    assert mapped.is_lost("main/s/c#1[0]")


def test_a_clock_that_was_stopped_does_not_ring() -> None:
    """It is forgotten when it is met; the next is told."""
    later = [("b", ev.BranchStarted("s", "main")), *waiting("b/s", "time", 70.0)]
    state = folded(*START, *waiting("main/s", "time", 50.0), *later)
    assert state.wake_at == 50

    fold(state, ("main/s", ev.WaitEnded(0, timed_out=True)))
    assert state.wake_at == 70
    fold(state, ("b/s", ev.WaitEnded(0, timed_out=True)))
    assert state.wake_at is None


# --- what is in it -------------------------------------------------------------------

MAPPING: list[Fact] = [
    *START,
    ("main/s", ev.ActivationStarted("map", "map", "s", MAP)),
    ("main/s", ev.ItemsStarted(0, 1, bare=True)),
]


def test_an_item_of_which_nothing_is_known_is_found() -> None:
    """While it is active; nothing else is where it would be."""
    state = folded(*MAPPING)

    item = state.find("main/s[0]")
    assert item is not None
    assert (item.kind, item.node, item.started_at) == ("activity", "work", 4)
    assert [each.address for each in state.everything()] == ["main/s", "main/s[0]"]
    for nothing in ("main/s[1]", "main/s[x]", "main/t[0]", "main/s", "[0]", "main/s@1"):
        found = state.find(nothing)
        assert (found is None) == (nothing != "main/s")
    assert folded(*NODE).find("main/s[0]") is None


def test_an_item_to_which_something_happens_is_kept() -> None:
    """And counts once, as before; what is not there, nothing can happen to."""
    state = folded(*MAPPING, ("main/s[0]", ev.AttemptStarted(1)))

    assert set(state.activations) == {"main/s", "main/s[0]"}
    fan = state.activations["main/s"].fan
    assert fan is not None
    assert (fan.bare, fan.live) == ({}, 1)
    with pytest.raises(KeyError, match=r"main/s\[1\]"):
        state.touch("main/s[1]")


@pytest.mark.parametrize(
    "event", [ev.HeartbeatReceived(1), ev.ProgressReported(1.0), ev.ValueEmitted(1)]
)
def test_what_is_told_too_late_changes_nothing(event: ev.Event) -> None:
    """A worker may still tell something of an activity that has ended."""
    state = folded(*START, ("main/s", event))

    assert (state.activations, state.version) == ({}, 3)


def test_what_a_node_waits_for_rests_alone() -> None:
    """A signal, a time: no actor is needed for that; steps and items have theirs."""
    signal = folded(*NODE, *waiting("main/s/c#1"))
    sleep = folded(*NODE, *waiting("main/s/c#1", "time"))
    pause = folded(*NODE, *waiting("main/s/c#1", "pause"))
    step = folded(*START, *waiting("main/s"))

    assert rests_alone(signal.activations["main/s/c#1"])
    assert rests_alone(sleep.activations["main/s/c#1"])
    assert not rests_alone(pause.activations["main/s/c#1"])
    assert not rests_alone(step.activations["main/s"])


def napping(*untils: float) -> ExecutionState:
    """Return a node that sleeps several times at once."""
    state = folded(*NODE)
    for number, until in enumerate(untils, 1):
        fold(state, *waiting(f"main/s/c#{number}", "time", until))
    return state


def test_those_whose_time_is_over_are_told_once() -> None:
    """The earliest first, and no more than so many."""
    state = napping(30.0, 10.0, 20.0, 40.0)
    assert (state.next_nap, state.wake_at) == (10, 10)

    assert state.take_naps(9.0, 5) == []
    assert state.take_naps(30.0, 2) == ["main/s/c#2", "main/s/c#3"]
    assert state.take_naps(30.0, 2) == ["main/s/c#1"]
    assert state.take_naps(30.0, 2) == []
    assert state.next_nap == 40


def test_those_that_are_halted_sleep_on() -> None:
    """Their time is told when they may go on."""
    state = napping(10.0)
    state.compensating = ev.CompensationStarted()
    assert (state.take_naps(10.0, 1), state.next_nap) == ([], 10)

    state.compensating = None
    assert state.take_naps(10.0, 1) == ["main/s/c#1"]


def test_one_that_was_woken_by_a_signal_is_not_told() -> None:
    """Its time does not matter any more."""
    state = folded(*NODE, *waiting("main/s/c#1", until=10.0))
    fold(state, ("", ev.SignalReceived("go")))
    fold(state, ("main/s/c#1", ev.WaitEnded(0, signal=6)))

    assert state.take_naps(10.0, 1) == []


def test_one_that_was_set_twice_is_told_once() -> None:
    """As by a pause that was over at once."""
    state = napping(20.0, 30.0)
    fold(state, PAUSED, at=9)
    fold(state, ("", ev.ExecutionResumed()), at=9)

    assert state.take_naps(30.0, 5) == ["main/s/c#1", "main/s/c#2"]


# --- who should look again -----------------------------------------------------------


def calm(state: ExecutionState) -> list[str]:
    """Return who should look again, once."""
    return [*state.take_calm()]


def test_a_map_is_told_of_room() -> None:
    """When an item only waits, another may begin."""
    given = {**MAP, "items": [1, 2, 3, 4], "limit": 2}
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted("map", "map", "s", given)),
        ("main/s", ev.ItemsStarted(0, 2)),
    )
    assert calm(state) == []

    fold(state, ("main/s[0]", ev.WaitStarted(0, "signal", "go")))
    assert (calm(state), calm(state)) == (["main/s"], [])


def test_a_flow_that_fails_is_told_when_it_is_at_rest() -> None:
    """One that does not fail has nothing to look for."""
    other: list[Fact] = [
        ("main/s", ev.ActivationStarted("flow", "f", "s")),
        ("main/s", ev.FlowStarted()),
        ("main/s/a", ev.BranchStarted("t")),
        ("main/s/b", ev.BranchStarted("t")),
        *waiting("main/s/a/t"),
        ("main/s/b/t", ev.ActivationStarted("activity", "work", "t")),
        ("main/s/b/t", ev.AttemptStarted(1)),
    ]
    wait = "main/s/b/t", ev.WaitStarted(0, "signal", "go")
    assert calm(folded(*START, *other, wait)) == []

    state = folded(*START, *other, ("main/s/a", ev.BranchFailed(BROKE)))
    assert calm(state) == []
    assert calm(fold(state, wait)) == ["main/s"]


def test_a_node_is_told_when_all_that_it_called_has_ended() -> None:
    """And not before: what ends wakes it by itself."""
    state = folded(
        *NODE,
        ("main/s/c#1", ev.ActivationStarted("activity", "c")),
        ("main/s/c#2", ev.ActivationStarted("activity", "c")),
        ("main/s/c#1", ev.ActivationCompleted()),
    )
    assert calm(state) == []
    assert calm(fold(state, ("main/s/c#2", ev.ActivationCompleted()))) == ["main/s"]


def test_all_who_should_look_again_are_told() -> None:
    """Also if several things have happened since the last time."""
    second: list[Fact] = [
        ("b", ev.BranchStarted("s", "main")),
        ("b/s", ev.ActivationStarted("dynamic", "node", "s")),
    ]
    calls = [
        (f"{n}/c#1", ev.ActivationStarted("activity", "c")) for n in ("main/s", "b/s")
    ]
    state = folded(*NODE, *second, *calls)
    calm(state)
    fold(state, *((address, ev.ActivationCompleted()) for address, _ in calls))

    assert sorted(calm(state)) == ["b/s", "main/s"]


def test_a_clock_that_is_set_in_a_pause_starts_when_that_ends() -> None:
    """With all its time; and that of a step is for its actor, not for a nap."""
    begin, wait = waiting("main/s", "time", 50.0)
    state = folded(*START, begin, PAUSED, wait)
    assert (state.wake_at, state.activations["main/s"].frozen) == (None, 5)

    fold(state, ("", ev.ExecutionResumed()), at=15)
    assert (state.wake_at, state.next_nap) == (60, None)


# --- halts and waits -----------------------------------------------------------------


def test_a_pause_of_a_branch_halts_only_that() -> None:
    """Nothing begins in it; the others go on, and so does what undoes."""
    state = folded(
        *START,
        ("a", ev.BranchStarted("s", "main")),
        ("b", ev.BranchStarted("s", "main")),
        ("", ev.ExecutionPaused("a")),
    )

    assert [state.is_halted(at) for at in ("a", "a/s", "b", "b/s")] == [
        *(True, True),
        *(False, False),
    ]


@pytest.mark.parametrize("kind", ["signal", "question", "update"])
def test_a_wait_is_listed_by_its_kind_until_it_ends(kind: str) -> None:
    """So that what comes for it finds it, and what comes later does not."""
    lists = {"signal": "topics", "question": "questions", "update": "listening"}
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted("activity", "work", "s")),
        ("main/s", ev.WaitStarted(0, kind, "t")),
    )
    listed = {name: [*getattr(state, name)] for name in lists.values()}
    assert listed == {name: ["t"] * (name == lists[kind]) for name in lists.values()}

    fold(state, ("main/s", ev.WaitEnded(0, timed_out=True)))
    assert [*state.topics, *state.questions, *state.listening] == []
    assert state.waits == {}


def test_waits_for_one_topic_are_told_apart() -> None:
    """The end of one leaves the other, which waits still."""
    wait = ev.WaitStarted(0, "signal", "t")
    state = folded(
        *START,
        ("a", ev.BranchStarted("s", "main")),
        ("main/s", ev.ActivationStarted("activity", "work", "s")),
        ("a/s", ev.ActivationStarted("activity", "work", "s")),
        *(("main/s", wait), ("a/s", wait)),
        ("main/s", ev.WaitEnded(0, timed_out=True)),
    )

    assert {topic: [*waiting] for topic, waiting in state.topics.items()} == {
        "t": ["a/s"]
    }


@pytest.mark.parametrize("kind", ["loop", "route"])
def test_a_retry_goes_on_with_the_part_that_failed(kind: str) -> None:
    """Of a loop the iteration, of a route the way it took."""
    state = folded(
        *START,
        ("main/s", ev.ActivationStarted(kind, "s", "s", {})),
        ("main/s@1", ev.ActivationStarted("activity", "work")),
    )
    step = state.activations["main/s"]
    assert state.child_of(step) is state.activations["main/s@1"]
    assert (step.count, step.open) == (1, 1)

    fold(
        state,
        ("main/s@1", ev.ActivationFailed(BROKE)),
        ("main/s", ev.ActivationFailed(BROKE)),
        ("main", ev.BranchFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        ("", ev.ExecutionRetried()),
    )
    assert (step.open, step.phase) == (1, "running")
    assert state.activations["main/s@1"].phase == "running"

    fold(state, ("main/s@1", ev.ActivationCompleted(7)))
    assert (state.child_of(step), step.open) == (None, 0)
    assert step.results == {"main/s@1": Result(7)}
