"""Nodes inside nodes, inside flows, and flows inside nodes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, World, addresses, double, survives


@af.dynamic
async def countdown(ctx: af.Context, n: int) -> list[int]:
    """Call itself."""
    below = await ctx.run(countdown, n - 1) if n else []
    return [*below, await ctx.run(double, n)]


def test_a_node_may_call_itself() -> None:
    """Recursion gives every activation an address of its own."""
    assert survives(countdown, inputs={"n": 4}) == [0, 2, 4, 6, 8]


def test_deep_recursion_is_no_trouble() -> None:
    """A hundred nodes deep."""
    with runtime(countdown) as rt:
        assert rt.start(countdown, n=100).result()[-1] == 200


@af.dynamic
async def pair(ctx: af.Context, x: int) -> int:
    """Run two at once."""
    return sum(await asyncio.gather(ctx.run(double, x), ctx.run(double, x + 1)))


def test_nodes_call_nodes_at_the_same_time() -> None:
    """Each has its own calls, tasks and numbers."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return list(await asyncio.gather(*(ctx.run(pair, n) for n in range(3))))

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == [2, 6, 10]
        assert "main/node/pair#2/double#1" in addresses(run)
    assert survives(node) == [2, 6, 10]


def test_a_node_is_a_step_of_a_flow() -> None:
    """`Flow.then` binds its parameters by name, as for any node."""
    flow = (
        af.Flow("flow", inputs=["x"])
        .then(pair, into="sum")
        .then(double, input={"x": "${state.sum}"}, into="result")
        .output("result")
    )
    assert survives(flow, inputs={"x": 1}) == 12


def test_a_node_is_a_step_of_a_graph() -> None:
    """``Step(dynamic=...)`` with parameters and a place for the result."""
    wf = af.Workflow(
        "wf",
        inputs=[af.Input("x")],
        steps=[
            af.Step("sum", dynamic=pair, parameters={"x": "${inputs.x}"}, store="sum")
        ],
        outputs=[af.Output("sum")],
    )
    assert survives(wf, inputs={"x": 3}) == {"sum": 14}


def test_a_map_of_a_flow_over_nodes() -> None:
    """Nodes are items like any other."""
    flow = (
        af.Flow("flow", inputs=["xs"])
        .map("sums", pair, over="xs", max_concurrency=2)
        .output("sums")
    )
    assert survives(flow, inputs={"xs": [0, 1, 2]}) == [2, 6, 10]


def test_arms_loops_and_routes_of_nodes() -> None:
    """Whatever takes a node takes a dynamic one."""

    @af.dynamic
    async def add(ctx: af.Context, n: int | None) -> int:
        await asyncio.sleep(1)
        return (n or 0) + 1

    flow = (
        af.Flow("flow", inputs=["x"])
        .parallel("both", pair, double)
        .loop("count", add, until=lambda i, prev, new: new >= 3)
        .route(lambda s: str(s["count"]), {"3": pair}, default=double, into="routed")
        .output("both", "count", "routed")
    )
    output = survives(flow, inputs={"x": 1})
    assert output["both"] == {"pair": 6, "double": 2}
    assert output["count"] == 3
    assert output["routed"]["result"] == 6


def test_a_flow_is_run_by_a_node() -> None:
    """With inputs by position or by name; its output is the call's result."""
    flow = (
        af.Flow("flow", inputs=["x", "y"])
        .then(pair, into="sum")
        .then(double, input={"x": "${inputs.y}"}, into="twice")
        .output("sum", "twice")
    )

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return list(await asyncio.gather(ctx.run(flow, 1, 2), ctx.run(flow, x=2, y=3)))

    assert survives(node) == [{"sum": 6, "twice": 4}, {"sum": 10, "twice": 6}]


def test_a_workflow_with_waits_inside_a_node() -> None:
    """A nested graph waits and sleeps as it would by itself."""
    wf = af.Workflow(
        "wf",
        steps=[
            af.Step("nap", sleep=60, next=[af.Edge("word")]),
            af.Step("word", wait_signal=af.WaitSignal(topic="word", store="word")),
        ],
        outputs=[af.Output("word")],
    )

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.run(wf)

    assert survives(node, signals={"word": "hello"}) == {"word": "hello"}


def test_a_node_comes_back_with_all_of_its_ancestors() -> None:
    """A wait deep inside is met again after a restart, and nothing runs twice."""
    counted = Counted()
    work = counted.activity("work")

    @af.dynamic
    async def deepest(ctx: af.Context) -> Any:
        await ctx.run(work)
        return await ctx.wait_signal("word")

    flow = af.Flow("flow").then(deepest, into="word").output("word")

    @af.dynamic
    async def middle(ctx: af.Context, _: int) -> Any:
        return await ctx.run(flow)

    @af.dynamic
    async def top(ctx: af.Context) -> Any:
        return await ctx.map(middle, [1, 2])

    world = World()
    with world.process(top) as rt:
        rt.start(top, execution_id="n").wait()
    for word in ("a", "b"):
        with world.process(top) as rt:
            rt.signal("n", "word", word)
            rt.get("n").wait()
    with world.process(top) as rt:
        assert sorted(rt.get("n").result()) == ["a", "b"]
    assert counted.calls == {"work": 2}


def test_a_pause_stops_a_node_at_its_next_boundary() -> None:
    """What runs is finished; the node learns of it when it is resumed."""
    counted = Counted()
    after = counted.activity("after")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        word = await ctx.wait_signal("word")
        await ctx.run(after)
        return word

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        run.wait()
        run.pause(reason="audit")
        run.signal("word", "hello")
        assert run.wait().status == "paused"
    with world.process(node) as rt:
        run = rt.get("n")
        assert run.wait().status == "paused"
        assert counted.calls == {}
        run.resume()
        assert run.result() == "hello"


def test_a_node_that_is_not_one_says_so() -> None:
    """Running what is no node raises where it is called."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.run(42)

    with runtime(node) as rt, pytest.raises(af.ExecutionFailed, match="not callable"):
        rt.start(node).result()
