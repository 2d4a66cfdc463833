"""Random programs end as plain Python says, whatever goes wrong on the way."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actorflow.model import snapshots
from actorflow.testing import Cancel, Faults, Simulation
from tests.programs.checking import Tally, check, check_undone, undone
from tests.programs.shapes import ANSWERS, SIGNALS, Add, Again, Fail, Fork, Shape
from tests.programs.strategies import pauses, programs


@given(
    shape=programs(leaves=6),
    x=st.integers(0, 9),
    seed=st.integers(0, 9999),
)
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
def test_a_random_program_ends_as_python_says(shape: Shape, x: int, seed: int) -> None:
    """Flows, graphs and dynamic nodes in each other, under faults of every kind."""
    check(shape, x, seed, Tally())


@given(
    shape=programs(leaves=5),
    x=st.integers(0, 9),
    seed=st.integers(0, 9999),
    pauses=pauses(at_least=1),
)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
# The pause came to an actor that was about to leave memory, and nobody answered it.
@example(
    shape=Again(style="flow", part=Fail(k=0), times=1), x=0, seed=2495, pauses=[(0, 1)]
)
# A pause just before a join went on: its branches were said to wait for each other.
@example(
    shape=Fork(style="flow", parts=[Add(k=0, tries=1)]), x=0, seed=24, pauses=[(0, 1)]
)
def test_pauses_change_nothing_but_the_time(
    shape: Shape, x: int, seed: int, pauses: list[tuple[int, int]]
) -> None:
    """At any time, for any time, under faults."""
    check(shape, x, seed, Tally(), pauses=pauses)


@given(
    shape=programs(leaves=6),
    seed=st.integers(0, 9999),
    at=st.integers(0, 12),
    compensate=st.booleans(),
)
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
def test_one_that_is_cancelled_ends(
    shape: Shape, seed: int, at: int, *, compensate: bool
) -> None:
    """At any time, with much in flight, and whether or not it is to be undone."""
    cancel = Cancel(at=at, compensate=compensate)
    simulation = Simulation(
        shape.node(count()),
        inputs={"x": 3},
        seed=seed,
        signals=SIGNALS,
        answers=ANSWERS,
        script=[cancel],
    )
    end = simulation.run(faults=Faults(late=1.0, seconds=10.0, most=60))

    assert end.status in ("completed", "failed", "cancelled")
    assert compensate or end.status != "cancelled" or not undone(end)
    check_undone(end)


@given(shape=programs(leaves=5), seed=st.integers(0, 9999))
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_snapshots_at_every_write_change_nothing(shape: Shape, seed: int) -> None:
    """Who takes over from a snapshot ends as who folds the events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "EVERY", 1)
        patch.setattr(snapshots, "SHARE", 0)
        patch.setattr(snapshots, "BYTES", 10**9)
        check(shape, 3, seed, Tally())
