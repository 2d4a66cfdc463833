"""What random programs have found, each as small as it gets."""

from __future__ import annotations

import pytest

import actorflow as af
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
