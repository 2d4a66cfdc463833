"""A state is written down, and is the same when it is read."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from actorflow.model import events as ev
from actorflow.model import parts, snapshots
from actorflow.model.events import Failure
from actorflow.model.parts import (
    Activation,
    Answer,
    Branch,
    Called,
    ChildLink,
    Compensation,
    Fan,
    Part,
    Past,
    Pause,
    Result,
    Scope,
    Update,
    Wait,
)
from actorflow.model.rules import Fact
from actorflow.model.snapshots import dump, fits, is_worth_it, known_format, restore
from actorflow.model.state import ExecutionState
from actorflow.testing.laws import check_same
from tests.model.folded import NODE, PAUSED, START, call, fold, folded

BROKE = Failure("x", "m", ("E",), "tb", {"d": 1}, "main/s", "n", (Failure("y", "m"),))
FLEETING = {"calm", "orphans", "stored", "_deadlines", "_naps"}


def full() -> ExecutionState:
    """Return a state in which there is something of everything."""
    wait = Wait(1, "signal", "go", "because", 3.0, {"type": "object"})
    pause = Pause("lunch", 4.0, by_parent=True)
    ended = Called(
        "main/s/c#1",
        "activity",
        "c",
        {"a": [1]},
        5,
        "v",
        BROKE,
        0,
        6.0,
        7,
        (8, 2),
        True,
    )
    kept = Called("main/s/k#1", "ask", "k", None, 2)
    branch = Branch(
        "main",
        owes=True,
        busy_children=1,
        name="main",
        variables={"v": {"$": "tuple", "v": []}},
        target="t",
        status="failed",
        step="s",
        current="main/s",
        visits={"s": 2},
        error=BROKE,
        forked=True,
        since=2,
    )
    fan = Fan(
        [1, {"b": 2}],
        ["left", "right"],
        [("activity", "one", None), ("flow", "two", "undo")],
        3,
        "continue",
        ["done", None],
        next=1,
        live=1,
        failures={1: BROKE},
        redo=deque([1, 0]),
        bare={0: 2.5},
        source="pages",
        open=True,
        cursor={"at": 1},
        broken=BROKE,
    )
    scope = Scope(
        {"i": 1},
        {"v": 2},
        {"main": "main/s@main"},
        {"main/s@main": None},
        {"other": None},
        {"main/s@main/j": None},
        {"j": ("main", 4)},
        BROKE,
    )
    child_end = ev.ChildEnded("c", 3, "failed", {"o": 1}, BROKE, "why", undoable=True)
    activation = Activation(
        "main/s",
        branch,
        owes=True,
        busy_children=2,
        kind="dynamic",
        node="work",
        step="s",
        input=[{"deep": None}],
        store="v",
        undo="undo",
        visit=2,
        phase="waiting",
        attempt=3,
        until=99.0,
        frozen=5.0,
        wait=wait,
        error=BROKE,
        fan=fan,
        scope=scope,
        open=1,
        child="main/s/c#1",
        count=4,
        results={"main/s/c#1": Result("r")},
        calls={"1": ended},
        ended=[ended],
        seen=1,
        past=Past(2, [kept, ended], {"1", "2"}),
        emitted=5,
        branch="apart",
        started_at=1.5,
        interruptions=1,
        records={"key": "value"},
        answers={0: Answer({"yes": 1}, timed_out=True, at=2.0)},
        link=ChildLink("c", attached=False, end=child_end),
        heartbeat={"n": 1},
    )
    return ExecutionState(
        owes=True,
        busy_children=1,
        version=12,
        workflow="w",
        fingerprint="f",
        attributes={"customer": "acme"},
        started_at=1.0,
        finished_at=9.0,
        queued=ev.ExecutionQueued("w", {"i": 1}, {"a": 2}, 3, ["gpu"]),
        rank=-2.0,
        tags=("gpu", "eu"),
        outcome="failed",
        output={"o": 1},
        error=BROKE,
        reason="why",
        scope=Scope({"x": 1}, {"y": 2}, {"main": "main"}),
        branches={"main": branch},
        activations={"main/s": activation},
        waits={"main/s": wait},
        questions={"q": "main/s"},
        topics={"go": {"main/s": None}},
        listening={"add": {"main/s": None}},
        updates={("add", "k"): Update("main/s", True, True, "r", BROKE)},
        signals={"go": deque([(3, "one"), (4, {"two": 2})])},
        compensations=[Compensation("main/s", "undo", {"i": 1}, {"v": 1}, "r", "c")],
        compensating=ev.CompensationStarted(BROKE, "why", by_parent=True),
        signal_keys={"k1", "k2"},
        paused=pause,
        paused_branches={"main": Pause(None, 5.0)},
        forks=2,
        part_failed=True,
        pauses=1,
        origin={"execution": "p"},
        starts=2,
        hooks=[{"name": "mail"}],
        follow_ups={"mail": 2},
        timeout=60.0,
        until=70.0,
        frozen=6.0,
        children={"main/s": activation},
        child_ends={"main/s": 3},
    )


def through_text(state: ExecutionState) -> ExecutionState:
    """Write a state as JSON, and read it."""
    return restore(json.loads(json.dumps(dump(state))))


def inside(one: Any) -> Iterator[Any]:
    """Yield everything with fields that a state is made of."""
    if attrs.has(type(one)):
        yield one
        for attribute in attrs.fields(type(one)):
            if attribute.name not in {"parent", *FLEETING}:
                yield from inside(getattr(one, attribute.name))
    elif isinstance(one, dict | list | tuple | deque):
        for each in one.values() if isinstance(one, dict) else one:
            yield from inside(each)


def classes() -> list[type]:
    """Return what states are made of."""
    of_parts = [
        each
        for each in vars(parts).values()
        if attrs.has(each) and each.__module__ == parts.__name__
    ]
    return [ExecutionState, *(each for each in of_parts if each is not Part)]


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_every_field_is_tried(cls: Any) -> None:
    """The state that these tests write has something in each field of each part."""
    found = [one for one in inside(full()) if type(one) is cls]
    for attribute in attrs.fields(cls):
        default = attribute.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory() if not default.takes_self else None
        values = [getattr(one, attribute.name) for one in found]
        fleeting = attribute.name in {"address", "parent", *FLEETING}

        assert fleeting or any(value != default for value in values), attribute.name


def test_what_is_read_is_what_was_written() -> None:
    """Every field of every part, through text; what is written of it is the same."""
    state, restored = full(), through_text(full())

    check_same(restored, state)
    assert dump(restored) == dump(state)
    assert restored.activations["main/s"].parent is restored.branches["main"]
    for one, other in zip(inside(state), inside(restored), strict=True):
        assert type(one) is type(other)
        for attribute in attrs.fields(type(one)):
            value = getattr(one, attribute.name)
            if attribute.name not in {"parent", *FLEETING}:
                assert type(getattr(other, attribute.name)) is type(value)


def test_what_was_one_is_one() -> None:
    """What several parts point at is written once, and shared again afterwards."""
    restored = through_text(full())
    activation = restored.activations["main/s"]
    assert activation.past is not None
    assert activation.calls is not None
    assert activation.ended is not None

    assert restored.waits["main/s"] is activation.wait
    assert restored.children["main/s"] is activation
    assert activation.calls["1"] is activation.ended[0] is activation.past.kept[1]
    assert [row[0] for row in dump(full())].count("Activation") == 1


def test_what_actors_use_up_is_not_written() -> None:
    """What is to be looked at again is found anew; no clock rings that is not set."""
    state = full()
    state.calm, state.stored = {"main/s"}, 7
    state.orphans = [state.activations["main/s"]]
    restored = through_text(state)

    assert (restored.calm, restored.stored, restored.orphans) == (None, 0, [])
    assert dump(state) == dump(full())


SLEEPING: list[Fact] = [
    *NODE,
    call(1, "sleep"),
    ("main/s/c#1", ev.WaitStarted(1, "time", deadline=50.0)),
]
RETRYING: list[Fact] = [
    *START,
    ("main/s", ev.ActivationStarted("activity", "work", "s")),
    ("main/s", ev.AttemptStarted(1)),
    ("main/s", ev.AttemptFailed(1, Failure("x", "m"), 40.0)),
]


@pytest.mark.parametrize("facts", [SLEEPING, RETRYING], ids=["nap", "backoff"])
def test_clocks_go_on(facts: list[Fact]) -> None:
    """A restored execution wakes when it would have; one that is paused does not."""
    state, paused = folded(*facts), folded(*facts, PAUSED)

    assert state.wake_at is not None
    assert through_text(state).wake_at == state.wake_at
    assert through_text(state).next_nap == state.next_nap
    assert through_text(paused).wake_at is None
    check_same(through_text(paused), paused)
    resumed = fold(through_text(paused), ("", ev.ExecutionResumed()))
    check_same(resumed, fold(paused, ("", ev.ExecutionResumed())))


def test_sets_are_written_in_order() -> None:
    """The same state is the same text in every process."""
    keys = {f"k{n}" for n in range(50)}
    state = ExecutionState(signal_keys=keys)

    assert sorted(keys) in dump(state)[0]
    assert through_text(state).signal_keys == keys


def test_the_format_has_a_name() -> None:
    """With the revision in it, and what the classes of a state are."""
    word, revision, digest = known_format().split("/")

    assert (word, revision) == ("execution", str(snapshots.REVISION))
    assert int(digest, 16) >= 0


def weighing(things: int) -> dict[str, ExecutionState]:
    """Return states with so many things in them, of each kind."""
    some = range(things)
    node = Activation("n", calls={str(n): _called() for n in range(things - 1)})
    items = Fan([*range(things - 1)], None, [], None, "fail_fast", [])
    pasts = [Activation(str(n), past=Past()) for n in range(things // 2)]
    return {
        "steps": ExecutionState(activations={str(n): Activation("a") for n in some}),
        "branches": ExecutionState(branches={str(n): Branch("b") for n in some}),
        "calls": ExecutionState(activations={"n": node}),
        "items": ExecutionState(activations={"m": Activation("m", fan=items)}),
        "pasts": ExecutionState(activations={part.address: part for part in pasts}),
        "keys": ExecutionState(signal_keys={str(n) for n in some}),
        "updates": ExecutionState(updates={("u", str(n)): _update() for n in some}),
        "undo": ExecutionState(
            compensations=[Compensation("a", "u", {}, {}, None) for _ in some]
        ),
        "signals": ExecutionState(
            signals={"a": deque([(1, None)] * (things - 5)), "b": deque([(1, 2)] * 5)}
        ),
    }


def _called() -> Called:
    return Called("c", "activity", "c", None, 1)


def _update() -> Update:
    return Update("n", keyed=True)


@pytest.mark.parametrize("kind", weighing(10).keys())
def test_what_a_snapshot_costs(kind: str) -> None:
    """As many events as it has things, of whatever kind; four of each, now and then."""
    many, most = weighing(400)[kind], weighing(400)[kind]

    for shortened, share in ((True, 1), (False, 4)):
        many.version, most.version = share * 400 - 1, share * 400
        assert not is_worth_it(many, shortened=shortened)
        assert is_worth_it(most, shortened=shortened)


@pytest.mark.parametrize(
    ("shortened", "least"), [(True, snapshots.LEAST), (False, snapshots.EVERY)]
)
def test_a_snapshot_of_little(shortened: bool, least: int) -> None:  # noqa: FBT001
    """However small a state is, some events are to be saved since the last one."""
    state = ExecutionState(version=10 + least, stored=10)

    assert is_worth_it(state, shortened=shortened)
    state.stored += 1
    assert not is_worth_it(state, shortened=shortened)


TREES = {
    "text": "x" * 1000,
    "texts": [["some", "text"] for _ in range(100)],
    "names": {f"name {n}": n for n in range(100)},
    "numbers": [1234.5] * 300,
    "deep": [[[[{"a": {"b": ["c", None, True]}}]]]] * 40,
}


@pytest.mark.parametrize("data", TREES.values(), ids=TREES.keys())
def test_about_as_long_as_its_text(data: Any) -> None:
    """What takes half as much fits, what takes twice as much does not."""
    size = len(json.dumps(data))

    assert fits(data, 2 * size)
    assert not fits(data, size // 2)


def test_what_nobody_could_write_down() -> None:
    """What doubles at each of a hundred levels does not fit, which is known at once."""
    data: Any = ["end"]
    for _ in range(100):
        data = [data, {"more": data}]

    assert not fits(data, 1_000_000)


def test_nothing_fits_nowhere() -> None:
    """What is empty fits wherever there is any room."""
    assert fits([], 1)
    assert not fits([], 0)
