"""`ctx.map`: one call, whose items are resumable each by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, World, double, survives


@af.activity
def waits(x: int, ctx: af.ActivityContext) -> Any:
    """Return what is signalled for the item."""
    return ctx.wait_signal(f"item-{x}") if x else "at once"


def test_results_come_in_the_order_of_the_items() -> None:
    """Whatever the order of the ends, and with any limit."""

    @af.dynamic
    async def item(ctx: af.Context, x: int) -> int:
        await asyncio.sleep(10 - x)
        return x

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return [
            await ctx.map(item, range(5)),
            await ctx.map(item, range(5), max_concurrency=2),
            await ctx.map(item, range(5), max_concurrency=1),
        ]

    assert survives(node) == [[0, 1, 2, 3, 4]] * 3


def test_a_map_over_nothing_is_empty() -> None:
    """No item, no call."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.map(double, [])

    assert survives(node) == []


def test_items_that_wait_hold_nobody_up() -> None:
    """Other items end while some wait for signals; every item is run once."""
    counted = Counted()

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.map(waits, [0, 1, 2])

    @af.activity
    def item(x: int, ctx: af.ActivityContext) -> Any:
        ctx.record("begun", lambda: counted.calls.update({str(x): 1}))
        return ctx.wait_signal(f"item-{x}") if x else "at once"

    assert survives(node, signals={"item-1": "one", "item-2": "two"}) == [
        "at once",
        "one",
        "two",
    ]


def test_items_survive_restarts_one_by_one() -> None:
    """Items that have ended before a restart are not run again."""
    counted = Counted()
    work = counted.activity("work")

    @af.dynamic
    async def item(ctx: af.Context, x: int) -> Any:
        await ctx.run(work, x)
        return await ctx.wait_signal(f"item-{x}")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.map(item, [0, 1, 2])

    world = World()
    with world.process(node) as rt:
        rt.start(node, execution_id="n").wait()
    for n in (2, 0):
        with world.process(node) as rt:
            rt.signal("n", f"item-{n}", n * 10)
            rt.get("n").wait()
    with world.process(node) as rt:
        rt.signal("n", "item-1", 10)
        assert rt.get("n").result() == [0, 10, 20]
    assert counted.calls == {"work": 3}


@af.activity
def odd_fails(x: int) -> int:
    """Fail for odd numbers."""
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x


def test_a_failed_item_fails_the_call() -> None:
    """The lowest index leads; the others are causes, and all items were run."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            return await ctx.map(odd_fails, range(4))
        except af.NodeFailed as error:
            causes = [cause.message for cause in error.cause.causes]
            return [error.address, error.node, causes]

    assert survives(node) == [
        "main/node/odd_fails#1[1]",
        "odd_fails",
        ["1 is odd", "3 is odd"],
    ]


def test_failures_can_be_results() -> None:
    """With ``on_error="continue"`` every item gives an `Outcome`."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        outcomes = await ctx.map(odd_fails, range(3), on_error="continue")
        return [o.value if o.ok else o.error.message for o in outcomes]

    assert survives(node) == [0, "1 is odd", 2]


def test_fail_fast_starts_nothing_further() -> None:
    """After a failure no item is started that was not."""
    counted = Counted(failing={"work": 1})
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        await ctx.map(work, range(5), max_concurrency=1, on_error="fail_fast")

    with runtime(node) as rt, pytest.raises(af.ExecutionFailed, match="work is down"):
        rt.start(node).result()
    assert counted.calls == {"work": 1}


def test_maps_run_at_the_same_time() -> None:
    """A map is a call like any other."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return list(
            await asyncio.gather(*(ctx.map(double, range(n)) for n in range(3)))
        )

    assert survives(node) == [[], [0], [0, 2]]


def test_items_can_be_flows() -> None:
    """The item is the flow's one input."""
    flow = af.Flow("flow", inputs=["x"]).then(double, into="twice").output("twice")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.map(flow, [1, 2, 3])

    assert survives(node) == [2, 4, 6]


def test_a_thousand_items() -> None:
    """Items are many; the node is one."""

    @af.dynamic
    async def node(ctx: af.Context) -> int:
        return sum(await ctx.map(double, range(1_000), max_concurrency=50))

    with runtime(node) as rt:
        assert rt.start(node).result() == 999_000
