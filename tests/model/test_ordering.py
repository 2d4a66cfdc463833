"""Which way through a graph leads where: what is computed at once, found by trying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

import actorflow as af
from actorflow.model.dominators import Dominators
from actorflow.model.ordering import circles, postorder

COUNT = 6
Graph = Mapping[str, Sequence[str]]
NAMES = [f"s{number}" for number in range(COUNT)]
TARGETS = st.lists(st.sampled_from(NAMES), max_size=2)
GRAPHS = st.fixed_dictionaries(dict.fromkeys(NAMES, TARGETS))


def reached(graph: Graph, *starts: str) -> set[str]:
    """Return everything that *starts* lead to, themselves included."""
    found, pending = set(starts), list(starts)
    while pending:
        new = set(graph[pending.pop()]) - found
        found |= new
        pending += new
    return found


@given(GRAPHS)
def test_everything_that_is_reached_comes_once(graph: Graph) -> None:
    """In either order nothing is left out, doubled or made up."""
    there = sorted(reached(graph, "s0"))

    assert sorted(postorder(graph, "s0")) == there
    assert sorted(name for circle in circles(graph, "s0") for name in circle) == there


@given(GRAPHS)
def test_a_point_comes_after_what_it_leads_to(graph: Graph) -> None:
    """Unless the edge between them is part of a circle."""
    order = postorder(graph, "s0")

    assert order[-1] == "s0"
    for number, name in enumerate(order):
        for late in {*graph[name]}.intersection(order[number + 1 :]):
            assert name in reached(graph, late)


@given(GRAPHS)
def test_circles_are_of_those_that_lead_to_each_other(graph: Graph) -> None:
    """And each comes after all that its points lead to."""
    done: set[str] = set()
    for circle in circles(graph, "s0"):
        for name in circle:
            ahead = reached(graph, name)
            back = {other for other in ahead if name in reached(graph, other)}
            assert back == {*circle}
            assert ahead <= done | back
        done |= {*circle}


@given(GRAPHS, GRAPHS, st.sampled_from(NAMES))
@settings(max_examples=200)
def test_what_is_left_before_a_step_is_on_every_way(
    edges: Graph, failures: Graph, start: str
) -> None:
    """Without the edges of one step, what it is certainly left before is cut off."""
    both = {name: [*edges[name], *failures[name]] for name in NAMES}
    there = [name for name in NAMES if name in reached(both, start)]
    steps = [
        af.Step(
            name,
            activity="x",
            next=[af.Edge(target) for target in edges[name]],
            catch=[af.Catch(goto=target) for target in failures[name]],
        )
        for name in there
    ]
    dominators = Dominators(af.Workflow("w", steps=steps, start_at=start))
    for earlier in there:
        without = reached({**both, earlier: failures[earlier]}, start)
        for step in there:
            certain = dominators.leaves_before(earlier, step)
            assert certain == (step not in without), (earlier, step)
