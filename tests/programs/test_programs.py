"""Random programs end as plain Python says, whatever goes wrong on the way."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.programs.checking import Tally, check
from tests.programs.shapes import Shape
from tests.programs.strategies import programs


@given(
    shape=programs(leaves=6),
    x=st.integers(0, 9),
    seed=st.integers(0, 9999),
)
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
def test_a_random_program_ends_as_python_says(shape: Shape, x: int, seed: int) -> None:
    """Flows, graphs and dynamic nodes in each other, under faults of every kind."""
    check(shape, x, seed, Tally())
