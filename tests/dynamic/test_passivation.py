"""Nodes that wait leave memory and come back from the log."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import actorflow as af
from actorflow.runtime.dynamic import DynamicActor
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, double


def _in_memory(node: Any) -> int:
    gc.collect()
    actors = [each for each in gc.get_objects() if isinstance(each, DynamicActor)]
    return sum(each._bound.activity is node for each in actors)


def test_a_suspended_node_costs_no_memory() -> None:
    """After `passivate_after` its actor, its coroutine and its loop are gone."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        await ctx.run(double, 1)
        return await ctx.wait_signal("word")

    with runtime(node, passivate_after=10) as rt:
        runs = [rt.start(node) for _ in range(5)]
        for run in runs:
            run.wait()
        assert _in_memory(node) == 5
        rt.clock.advance(60)
        assert _in_memory(node) == 0
        for run in runs:
            run.signal("word", "hello")
        assert [run.result() for run in runs] == ["hello"] * 5


def test_a_sleeper_is_woken_from_the_log() -> None:
    """A timer of a node that has left memory rings all the same."""
    counted = Counted()
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        for n in range(3):
            await ctx.run(work, n)
            await asyncio.sleep(3_600)
        return ctx.now().timestamp()

    with runtime(node, passivate_after=10) as rt:
        began = rt.clock.time()
        run = rt.start(node)
        rt.clock.advance(4 * 3_600)
        assert run.status == "completed"
        assert run.result() - began == 3 * 3_600
    assert counted.calls == {"work": 3}


def test_many_nodes_come_and_go() -> None:
    """More waiting executions than may rest in memory."""

    @af.dynamic
    async def node(ctx: af.Context, n: int) -> Any:
        await ctx.run(double, n)
        return [n, await ctx.wait_signal("word")]

    with runtime(node, max_resting=3) as rt:
        runs = [rt.start(node, n=n) for n in range(20)]
        for run in runs:
            run.wait()
        for run in reversed(runs):
            run.signal("word", "w")
        assert [run.result() for run in runs] == [[n, "w"] for n in range(20)]


def test_loggers_and_the_like_are_not_left_behind() -> None:
    """A node leaves nothing in the process that its end does not take away."""
    import logging

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        ctx.log.info("hello")

    with runtime(node) as rt:
        rt.start(node).result()
        known = len(logging.Logger.manager.loggerDict)
        for _ in range(5):
            rt.start(node).result()
        assert len(logging.Logger.manager.loggerDict) == known
