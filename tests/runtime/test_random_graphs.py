"""Graphs of any shape end, and end the same whenever the process dies.

Steps are split, joined, caught and led back, as Hypothesis likes. What a graph does is
not worked out a second time here; that it ends, and always in the same way, is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import actorflow as af
from actorflow.model.events import ExecutionFailed
from actorflow.testing import Simulation, runtime

ROUNDS = 2
"""After so many visits nothing leads back any more."""


@af.activity
def note(round: int) -> int:
    """Count."""
    return round + 1


@af.activity
def fail(round: int) -> int:
    """Fail, on the first round only."""
    if round < 1:
        raise ValueError("not in the first round")
    return round + 1


WAYS = st.sampled_from([None, "true", "false", "state.n < 2", "state.n % 2 == 0"])

KINDS = st.sampled_from(["note", "fail", "join", "join", "sleep", "decide", "map"])


@st.composite
def graphs(draw: st.DrawFn) -> af.Workflow:
    """Draw a graph that passes the validation."""
    count = draw(st.integers(2, 6))
    kinds = [draw(KINDS) for _ in range(count)]
    unused = [f"b{n}" for n in range(draw(st.integers(0, 4)))]
    back = draw(st.integers(0, count))  # the one step that may lead back, if it counts
    edges: list[list[af.Edge]] = []
    for number, kind in enumerate(kinds):
        edges.append([])
        for _ in range(draw(st.integers(0 if number else 1, 3))):
            first = 0 if number == back and kind == "note" else number + 1
            if first < count:
                target = draw(st.integers(first, count - 1))
                named_too: bool = draw(st.booleans())
                branch = unused.pop() if unused and named_too else None
                when = draw(WAYS) if target > number else f"state.n < {ROUNDS}"
                edges[-1].append(af.Edge(f"s{target}", when=when, branch=branch))
    reached = {"s0"}
    for number in range(count):  # nothing but `back` leads back
        if f"s{number}" in reached:
            reached |= {edge.step for edge in edges[number]}
    there = [number for number in range(count) if f"s{number}" in reached]
    named = [e.branch for number in there for e in edges[number] if e.branch]
    steps = [
        _step(draw, n, kinds[n], there=there, branches=named, edges=edges[n])
        for n in there
    ]
    try:
        return af.Workflow("w", state={"n": 0}, steps=steps, result="n")
    except af.DefinitionError as error:
        event(f"refused: {str(error)[-40:]}")
        assume(False)
        raise


def _step(
    draw: st.DrawFn,
    number: int,
    kind: str,
    *,
    there: list[int],
    branches: list[str],
    edges: list[af.Edge],
) -> af.Step:
    name, later = f"s{number}", [f"s{n}" for n in there if n > number]
    how: dict[str, Any] = {
        "next": edges,
        "edges": draw(st.sampled_from(["all", "first"])),
    }
    work: dict[str, Any] = {"parameters": {"round": "${state.n}"}, "store": "n"}
    if kind == "join":
        listed = (
            draw(st.lists(st.sampled_from(branches), unique=True)) if branches else []
        )
        most = len(listed) or 3
        wanted = draw(st.none() | st.integers(1, most))
        return af.Step(name, join=af.Join(branches=listed, count=wanted), **how)
    if kind == "note":
        return af.Step(name, activity=note, **work, **how)
    if kind == "fail":
        catch = [af.Catch(goto=draw(st.sampled_from(later)))] if later else []
        return af.Step(name, activity=fail, catch=catch, **work, **how)
    if kind == "sleep":
        return af.Step(name, sleep=draw(st.integers(1, 5)), **how)
    if kind == "map":
        fan = af.Map(
            over=[0, 1], activity=note, max_concurrency=draw(st.none() | st.just(1))
        )
        return af.Step(name, map=fan, **how)
    return af.Step(name, decide=True, **how)


@given(graph=graphs(), seed=st.integers(0, 9))
@settings(max_examples=150)
def test_a_graph_of_any_shape_ends(graph: af.Workflow, seed: int) -> None:
    """It completes, or fails for a reason of its own; it never hangs or breaks."""
    with runtime(graph, seed=seed) as rt:
        run = rt.start(graph)
        end = run.wait(timeout=1_000)
        while end.status == "suspended":  # only the sleeps are left
            rt.clock.advance(10)
            end = run.wait(timeout=1_000)
        last = run.history()[-1].event
        branches = {branch.status for branch in rt.state(run.id).branches.values()}

    event(f"{end.status}: {end.error.type if end.error else ''}")
    if end.status == "completed":
        assert branches == {"completed"}
    else:
        assert isinstance(last, ExecutionFailed)
        assert last.error.type in ("activity_failed", "definition")


@given(graph=graphs(), seed=st.integers(0, 9))
@settings(max_examples=12)
def test_a_graph_of_any_shape_survives_every_crash(
    graph: af.Workflow, seed: int
) -> None:
    """And ends as it would have ended."""
    Simulation(graph, seed=seed).crash_everywhere()


DISTURBANCES = st.lists(
    st.sampled_from(["pause", "resume", "pause one", "resume one", "time", "retry"]),
    max_size=8,
)


def disturb(rt: af.Runtime, run: af.ExecutionHandle, how: str) -> None:
    """Do what an operator might do, at a bad moment."""
    branch = max(rt.state(run.id).branches) if how.endswith("one") else None
    with suppress(af.ExecutionEndedError, af.NotRetryableError):
        if how == "time":
            rt.clock.advance(3)
        elif how == "retry":
            run.retry()
        elif how.startswith("pause"):
            run.pause(branch=branch)
        else:
            run.resume(branch=branch)


def ended(rt: af.Runtime, run: af.ExecutionHandle) -> af.ExecutionResult:
    """Let everything that rests go on, until the end."""
    end = run.wait(timeout=1_000)
    while end.status in ("paused", "suspended"):
        if end.status == "suspended":
            rt.clock.advance(10)
        for branch in [None, *rt.state(run.id).branches] * (end.status == "paused"):
            with suppress(af.ExecutionEndedError):
                run.resume(branch=branch)
        end = run.wait(timeout=1_000)
    return end


@given(graph=graphs(), seed=st.integers(0, 9), plan=DISTURBANCES, at=st.integers(1, 30))
@settings(max_examples=60)
def test_a_graph_of_any_shape_ends_however_disturbed(
    graph: af.Workflow, seed: int, plan: list[str], at: int
) -> None:
    """Paused, resumed and retried at any moment, and forked at any event."""
    with runtime(graph, seed=seed) as rt:
        run = rt.start(graph)
        for how in plan:
            disturb(rt, run, how)
        end = ended(rt, run)
        events = run.history()
        forked = ended(rt, rt.fork(run.id, at=min(at, len(events))))

    assert {end.status, forked.status} <= {"completed", "failed"}
    assert type(events[-1].event).__name__ in ("ExecutionCompleted", "ExecutionFailed")
