"""Calls with a key: one run however often it is called, wherever the code moves."""

from __future__ import annotations

import asyncio
from typing import Any

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, World, addresses, double, echo, survives


def test_the_same_key_twice_runs_once() -> None:
    """The second call gives what the first gave, without running anything."""
    counted = Counted()
    work = counted.activity("work").options(key="one")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return [await ctx.run(work, 5), await ctx.run(work, 5)]

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == [5, 5]
        assert counted.calls == {"work": 1}
        assert addresses(run) == ["main/node", "main/node/work:one"]
    assert survives(node) == [5, 5]


def test_the_same_key_at_the_same_time_is_one_flight() -> None:
    """Concurrent calls with one key share the run and its result."""
    counted = Counted()
    work = counted.activity("work").options(key="one")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return list(await asyncio.gather(*(ctx.run(work, 5) for _ in range(8))))

    with runtime(node) as rt:
        assert rt.start(node).result() == [5] * 8
    assert counted.calls == {"work": 1}
    assert survives(node) == [5] * 8


def test_none_is_a_result_like_any_other() -> None:
    """A keyed call that gave None is not run again."""
    counted = Counted()
    work = counted.activity("work").options(key="one")

    @af.activity
    def nothing() -> None:
        counted.calls["nothing"] = counted.calls.get("nothing", 0) + 1

    once = nothing.options(key="n")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return [await ctx.run(once), await ctx.run(work), await ctx.run(once)]

    with runtime(node) as rt:
        assert rt.start(node).result() == [None, "work", None]
    assert counted.calls == {"nothing": 1, "work": 1}


def test_a_failure_is_not_kept_under_its_key() -> None:
    """After a failure the key stands for another run; after that for its result."""

    def flaky() -> Any:
        return Counted(failing={"work": 2})

    counted = flaky()
    work = counted.activity("work").options(key="one")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        told: list[str] = []
        for _ in range(4):
            try:
                told.append(await ctx.run(work))
            except af.NodeFailed as error:
                told.append(error.cause.message)
        await asyncio.sleep(1)
        return told

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == ["work is down", "work is down", "work", "work"]
        assert counted.calls == {"work": 3}
        assert addresses(run)[1:4] == [
            "main/node/work:one",
            "main/node/work:one~2",
            "main/node/work:one~3",
        ]


def test_a_failed_key_is_replayed_as_it_was() -> None:
    """Tries of a key that failed and then succeeded replay in their order."""

    @af.activity
    def half(x: int) -> int:
        if x % 2:
            raise ValueError("odd")
        return x // 2

    keyed = half.options(key="half")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        told: list[Any] = []
        for x in (3, 4):
            try:
                told.append(await ctx.run(keyed, x))
            except af.NodeFailed:
                told.append("failed")
            await asyncio.sleep(1)
        return told

    assert survives(node) == ["failed", 2]


def test_keys_are_met_whatever_the_order() -> None:
    """Keyed calls may change places under a running execution."""
    counted = Counted()
    a = counted.activity("a").options(key="a")
    b = counted.activity("b").options(key="b")

    @af.dynamic(name="node")
    async def old(ctx: af.Context) -> Any:
        await ctx.run(a)
        await ctx.run(b)
        await ctx.wait_signal("go")

    @af.dynamic(name="node")
    async def new(ctx: af.Context) -> Any:
        got = list(await asyncio.gather(ctx.run(b), ctx.run(a)))
        await ctx.wait_signal("go")
        return got

    world = World()
    with world.process(old) as rt:
        rt.start(old, execution_id="n").wait()
    with world.process(new) as rt:
        rt.signal("n", "go")
        assert rt.get("n").result() == ["b", "a"]
    assert counted.calls == {"a": 1, "b": 1}


def test_any_key_will_do() -> None:
    """What a key is made of is nobody's business."""
    keys = ["a/b", "a#1", "a:b", "[0]", "x~2", "é ü", "a@1", "%2F"]

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        got = []
        for n, key in enumerate(keys):
            got.append(await ctx.run(echo.options(key=key), n))
        return got

    assert survives(node) == list(range(len(keys)))


def test_a_map_may_have_a_key() -> None:
    """Two maps with one key are one map."""
    counted = Counted()
    item = counted.activity("item").options(key="all")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return [await ctx.map(item, [1, 2]), await ctx.map(item, [1, 2])]

    with runtime(node) as rt:
        assert rt.start(node).result() == [[1, 2], [1, 2]]
    assert counted.calls == {"item": 2}


def test_a_key_belongs_to_its_activation() -> None:
    """The same key in two nodes is two calls."""

    @af.dynamic
    async def inner(ctx: af.Context, x: int) -> int:
        return int(await ctx.run(double.options(key="k"), x))

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return list(await asyncio.gather(ctx.run(inner, 1), ctx.run(inner, 2)))

    assert survives(node) == [2, 4]
