"""What a service that runs for a year must not keep."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest

import actorflow as af
from actorflow.runtime.registry import Lately
from actorflow.testing import runtime
from tests.dynamic.helpers import double


def test_options_leave_nothing_behind() -> None:
    """A copy with other settings for every call costs no memory for good."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        for n in range(50):
            await ctx.run(double.options(key=f"k{n}"), n)

    with runtime(node) as rt:
        rt.start(node).result()
        known = len(rt._definitions.activities._by_node)
        rt.start(node).result()
        assert len(rt._definitions.activities._by_node) == known < 10


def test_closures_are_not_kept_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that a node makes to call them are forgotten after a while."""
    monkeypatch.setattr(Lately.__init__, "__defaults__", (10,))
    made: list[Any] = []

    @af.dynamic
    async def node(ctx: af.Context) -> int:
        total = 0
        for n in range(50):

            def add(x: int, n: int = n) -> int:
                return x + n

            made.append(weakref.ref(add))
            total = await ctx.run(add, total)
        return total

    with runtime(node) as rt:
        assert rt.start(node).result() == sum(range(50))
        gc.collect()
        assert len([ref for ref in made if ref() is not None]) <= 20


def test_a_closure_that_compensates_may_be_made_again() -> None:
    """Every replay makes it anew; the latest stands for its name."""
    undone: list[int] = []

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        def undo(x: int) -> None:
            undone.append(x)

        for n in range(3):
            await ctx.run(af.activity(name="do", compensate=undo)(lambda x: x), x=n)
        raise ValueError("undo all")

    flow = af.Flow("flow").then(node, into="x").build()
    with runtime(flow) as rt:
        assert rt.start(flow).wait().status == "failed"


def test_what_is_looked_up_stays_known() -> None:
    """Of a thousand keys the latest are known, and those that are asked for."""
    lately: Lately[int, int] = Lately(10)
    for n in range(35):
        lately.put(n, n)
        assert lately.get(0) == 0
    assert lately.get(34) == 34
    assert lately.get(1) is None
    assert len(lately) <= 20


def test_loggers_are_not_made_for_addresses(caplog: pytest.LogCaptureFixture) -> None:
    """One logger serves all; the address is in the message and in the record."""

    @af.activity
    def speaks(ctx: af.ActivityContext, x: int) -> None:
        ctx.log.warning("x is %s", x)

    flow = af.Flow("flow").map("each", speaks, over=[1, 2]).build()
    with runtime(flow) as rt:
        rt.start(flow).result()
    loggers = [name for name in logging.root.manager.loggerDict if "main/" in name]
    assert loggers == []
    [record] = [r for r in caplog.records if r.getMessage().endswith("x is 2")]
    assert record.name == "actorflow.activity"
    assert record.getMessage() == "main/each[1]: x is 2"
    assert getattr(record, "address", None) == "main/each[1]"


def test_children_of_a_node_that_is_left_leave_memory() -> None:
    """Not only the node: what it waits for, and what that waits for."""

    @af.dynamic
    async def inner(ctx: af.Context) -> None:
        await ctx.wait_signal("never")

    @af.dynamic
    async def middle(ctx: af.Context) -> None:
        await ctx.run(inner)

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        import asyncio

        task = asyncio.ensure_future(ctx.run(middle))
        await ctx.run(double, 1)
        task.cancel()
        await ctx.wait_signal("go")

    seen: list[Any] = []
    with runtime(node) as rt:
        changed = rt._services.changed

        def note(run: Any, status: str) -> None:
            seen.append(run)
            changed(run, status)

        rt._services.changed = note
        rt.start(node).wait()
        assert [a for a in seen[-1].actors if "middle" in a] == []
