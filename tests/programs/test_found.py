"""What random programs have found, each as small as it gets."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.model import events as ev
from actorflow.testing import Simulation


def fail() -> None:
    """Fail."""
    raise ValueError("no")


def hear(ctx: af.ActivityContext) -> object:
    """Wait for a signal inside an activity."""
    return ctx.wait_signal("go")


@pytest.mark.parametrize("seed", range(10))
def test_a_flow_fails_when_what_is_left_of_it_begins_to_wait(seed: int) -> None:
    """One branch fails; the other is at work, and then only waits: nobody need come."""
    edges = [af.Edge("fail", branch="a"), af.Edge("hear", branch="b")]
    inner = af.Workflow(
        "inner",
        steps=[
            af.Step("fork", decide=True, next=edges),
            af.Step("fail", activity=fail),
            af.Step("hear", activity=hear),
        ],
    )

    assert Simulation(af.Flow("f").then(inner), seed=seed).run().status == "failed"


UNDONE: list[str] = []


def give_back(result: str) -> None:
    """Undo."""
    UNDONE.append(result)


@af.activity(compensate=give_back)
def take(what: str) -> str:
    """Do what can be undone."""
    return what


HELD = {"take": take}


@af.dynamic
async def by_name(ctx: af.Context) -> None:
    """Call what the code names."""
    await ctx.run(take, "money")


@af.dynamic
async def by_chance(ctx: af.Context) -> None:
    """Call what nobody could know that it is called."""
    await ctx.run(getattr(ctx, "no such thing", globals()["HELD"]["ta" + "ke"]), "it")


@pytest.mark.parametrize("seed", range(3))
def test_what_a_dynamic_node_has_done_is_undone_by_another_process(seed: int) -> None:
    """The node has ended: no process will learn from it again what it called."""
    simulation = Simulation(af.Flow("f").then(by_name).then(fail), seed=seed)

    events = simulation.crash_everywhere().end.events
    undone = [e for e in events if e.address.startswith("undo#")]
    assert type(undone[-1].event).__name__ == "ActivationCompleted"


def test_what_cannot_be_undone_because_it_is_unknown_says_so() -> None:
    """It is no defect of the engine, and the rest is undone."""
    end = Simulation(af.Flow("f").then(by_chance).then(fail)).run(
        faults=["crash after write 3"]
    )

    assert end.error == "activity_failed: no"
    [failed] = [
        e.event
        for e in end.events
        if e.address.startswith("undo#") and isinstance(e.event, ev.ActivationFailed)
    ]
    assert "activities=" in failed.error.message
