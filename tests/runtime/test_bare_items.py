"""Items of which only the start is known are counted, not kept; nobody can tell."""

from __future__ import annotations

import actorflow as af
from actorflow.model import events as ev
from actorflow.model.events import Event, Failure, Recorded
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.testing import Simulation, runtime

ITEMS = [10, 20, 30]
FAN = {"items": ITEMS, "bodies": [["activity", "double", None]]}


def state_of(*facts: tuple[str, Event]) -> ExecutionState:
    """Fold a map over three items, of which none has ended, and then *facts*."""
    state = ExecutionState()
    beginning: list[tuple[str, Event]] = [
        ("", ev.ExecutionStarted("w", "f", {}, {})),
        ("main", ev.BranchStarted("each", None)),
        (
            "main/each",
            ev.ActivationStarted(
                "map", "each", "each", {**FAN, "limit": None, "on_error": "wait"}
            ),
        ),
        ("main/each", ev.ItemsStarted(0, 3, bare=True)),
    ]
    for seq, (address, event) in enumerate([*beginning, *facts], 1):
        apply(state, Recorded(seq, float(seq), address, event))
    return state


def test_nothing_is_kept_of_them() -> None:
    """A million of them are a million numbers."""
    assert list(state_of().activations) == ["main/each"]


def test_they_are_found() -> None:
    """By address, as if they were kept; others are not."""
    item = state_of().find("main/each[1]")

    assert item is not None
    assert (item.node, item.phase, item.started_at) == ("double", "running", 4.0)
    assert state_of().find("main/each[3]") is None
    assert state_of().find("main/each[x]") is None


def test_each_counts_as_busy() -> None:
    """So the execution runs until the last of them has ended."""
    ends = [(f"main/each[{n}]", ev.ActivationCompleted(n)) for n in range(3)]
    state = state_of(*ends[:2])
    assert state.activations["main/each"].busy_children == 1
    assert not state.activations["main/each"].owes

    state = state_of(*ends)
    assert state.activations["main/each"].busy_children == 0
    assert state.activations["main/each"].owes


def test_one_to_which_something_happens_is_kept() -> None:
    """Its attempts are remembered; those of the others need not be."""
    failed = ev.AttemptFailed(1, Failure("OSError", "no"), 60.0)
    state = state_of(("main/each[1]", failed))

    assert list(state.activations) == ["main/each", "main/each[1]"]
    assert state.activations["main/each[1]"].attempt == 2
    assert list(state.activations["main/each"].fan.bare) == [0, 2]  # type: ignore[union-attr]


def test_a_dead_process_interrupts_all_of_them() -> None:
    """They are begun again, and remember that they were."""
    state = state_of(("", ev.ExecutionRecovered("owner", 2)))

    assert [state.activations[f"main/each[{n}]"].interruptions for n in range(3)] == [
        1,
        1,
        1,
    ]


def test_they_are_seen_in_a_checkpoint() -> None:
    """Who looks at a running map sees which items run."""

    def double(n: int) -> int:
        return n * 2

    flow = af.Flow("f", inputs=["xs"]).map("each", double, over="xs").build()
    with runtime(flow) as rt:
        run = rt.start(flow, xs=ITEMS)
        run.result()
        entered = next(
            each.seq
            for each in rt.history(run.id)
            if isinstance(each.event, ev.ItemsStarted)
        )
        seen = rt.state(run.id, at=entered).activations

    assert [address for address in seen if "[" in address] == [
        "main/each[0]",
        "main/each[1]",
        "main/each[2]",
    ]


def test_every_crash_among_them_ends_the_same() -> None:
    """Completed ones never run again, the others do."""

    def double(n: int) -> int:
        return n * 2

    flow = af.Flow("f", inputs=["xs"]).map("each", double, over="xs").build()
    Simulation(flow, inputs={"xs": ITEMS}, seed=3).crash_everywhere()
