"""What is yielded upward has one order, recorded, whoever reads it and when."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import actorflow as af
from actorflow.model import events as ev
from actorflow.runtime.dynamic import CREDIT
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, World, double, survives


@af.activity
def emits(ctx: af.ActivityContext, name: str, count: int) -> str:
    """Yield a few values."""
    for n in range(count):
        ctx.emit([name, n])
    return name


def _of(values: list[Any], name: str) -> list[int]:
    return [n for who, n in values if who == name]


@af.dynamic
async def choir(ctx: af.Context) -> list[str]:
    """Yield, and have children that yield."""
    await ctx.emit(["node", 0])
    tasks = [ctx.run(emits, name, 3) for name in "abc"]
    results = await asyncio.gather(*tasks)
    await ctx.emit(["node", 1])
    return list(results)


def test_own_values_and_those_of_children_are_one_stream() -> None:
    """Each producer's values keep their order; the node's lie around its children's."""
    with runtime(choir) as rt:
        run = rt.start(choir)
        assert run.result() == ["a", "b", "c"]
        values = list(run.emitted())
    assert values[0] == ["node", 0]
    assert values[-1] == ["node", 1]
    assert all(_of(values, name) == [0, 1, 2] for name in "abc")
    assert len(values) == 11
    assert survives(choir) == ["a", "b", "c"]


def test_every_consumer_sees_the_same_order_at_any_time() -> None:
    """Live, later, in another process, and from any position on."""
    world = World()
    with world.process(choir, seed=5) as rt:
        run = rt.start(choir, execution_id="n")
        live = list(run.emitted())
        again = list(run.emitted())
        positions = [
            e.seq for e in run.history() if isinstance(e.event, ev.ValueEmitted)
        ]
        later = list(run.emitted(after=positions[3]))
    with world.process() as rt:
        elsewhere = list(rt.get("n").emitted())
    assert live == again == elsewhere
    assert later == live[4:]


def test_children_overlap_while_their_values_do_not() -> None:
    """Eight children at once, one value each: nine outputs, the parent's last."""
    together = threading.Barrier(8)

    @af.activity
    def child(ctx: af.ActivityContext, n: int) -> int:
        together.wait(20)  # passes only if all eight run at the same time
        ctx.emit(n)
        return n

    @af.dynamic
    async def parent(ctx: af.Context) -> int:
        total = sum(await asyncio.gather(*(ctx.run(child, n) for n in range(8))))
        await ctx.emit("all")
        return int(total)

    with af.Runtime(":memory:", [parent], threads=8) as rt:
        run = rt.start(parent)
        assert run.result(timeout=20) == 28
        values = list(run.emitted())
    assert sorted(values[:-1]) == list(range(8))
    assert values[-1] == "all"


def test_what_was_yielded_comes_before_the_end_of_its_producer() -> None:
    """In the log, a value lies before the completion of who yielded it."""
    with runtime(choir, seed=3) as rt:
        run = rt.start(choir)
        run.result()
        events = run.history()
    ended = {
        e.address: e.seq for e in events if isinstance(e.event, ev.ActivationCompleted)
    }
    emitted = [e for e in events if isinstance(e.event, ev.ValueEmitted)]
    assert len(emitted) == 11
    assert all(e.seq < ended[e.address] for e in emitted)


def test_nested_nodes_yield_into_one_stream() -> None:
    """Emitters chain: what a grandchild yields arrives at the top, in its order."""

    @af.dynamic
    async def inner(ctx: af.Context, name: str) -> None:
        await ctx.emit([name, 0])
        await ctx.run(emits, name + "x", 2)
        await ctx.emit([name, 1])

    flow = af.Flow("flow", inputs=["name"]).then(inner)

    @af.dynamic
    async def outer(ctx: af.Context) -> None:
        await ctx.emit(["top", 0])
        await asyncio.gather(ctx.run(inner, "a"), ctx.run(flow, "b"))
        await ctx.map(inner, ["c", "d"])
        await ctx.emit(["top", 1])

    with runtime(outer, seed=1) as rt:
        run = rt.start(outer)
        run.result()
        values = list(run.emitted())
    assert values[0] == ["top", 0]
    assert values[-1] == ["top", 1]
    for name in "abcd":
        mine = [v for v in values if v[0].startswith(name)]
        assert mine == [[name, 0], [name + "x", 0], [name + "x", 1], [name, 1]]


def test_nothing_is_yielded_twice() -> None:
    """A node that is replayed does not yield again what is recorded."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        for n in range(3):
            await ctx.emit(n)
            await ctx.run(double, n)
        await ctx.wait_signal("go")
        await ctx.emit("end")

    world = World()
    for _ in range(3):
        with world.process(node) as rt:
            rt.start(node, execution_id="n").wait()
    with world.process(node) as rt:
        rt.signal("n", "go")
        assert list(rt.get("n").emitted()) == [0, 1, 2, "end"]


def test_crashes_neither_lose_nor_repeat_a_nodes_values() -> None:
    """Whatever write the process dies at, the stream is the same."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        for n in range(4):
            await ctx.emit(n)
            if n % 2:
                await ctx.run(double, n)

    for at in range(1, 12):
        world = World()
        try:
            with world.dying(node, at=at) as rt:
                rt.start(node, execution_id="n").result()
        except BaseException:  # noqa: BLE001, S110 - the process has died
            pass
        with world.process(node) as rt:
            run = rt.start(node, execution_id="n")
            run.result()
            assert list(run.emitted()) == [0, 1, 2, 3]


def test_a_fast_producer_is_held_to_its_credit() -> None:
    """However many values a node yields, few are ever on their way at once."""
    on_the_way: list[int] = []

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        for n in range(5 * CREDIT):
            await ctx.emit(n)
            on_the_way.append(n)

    with runtime(node) as rt:
        run = rt.start(node)
        durable = run.emitted()
        for n, value in enumerate(durable):
            assert value == n
            assert len(on_the_way) <= 5 * CREDIT
        assert run.result() is None
        writes = {e.time for e in run.history()}
    assert len(on_the_way) == 5 * CREDIT
    assert writes


def test_an_activity_is_held_to_its_credit() -> None:
    """A ``def`` activity waits where too many of its values are not durable."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.run(emits, "a", 300)

    with af.Runtime(":memory:", [node]) as rt:
        run = rt.start(node)
        assert run.result(timeout=20) == "a"
        assert _of(list(run.emitted()), "a") == list(range(300))


def test_an_async_activity_may_await_its_values() -> None:
    """Awaiting what `emit` returns is the same restraint for an ``async def``."""

    @af.activity
    async def talks(ctx: af.ActivityContext) -> str:
        for n in range(200):
            await ctx.emit(n)
        ctx.emit("not awaited")
        return "done"

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.run(talks)

    for definition in (node, talks):
        with af.Runtime(":memory:", [definition]) as rt:
            run = rt.start(definition)
            assert run.result(timeout=20) == "done"
            assert list(run.emitted()) == [*range(200), "not awaited"]


def test_a_held_node_replays_as_if_it_had_not_been() -> None:
    """Waiting for credit changes nothing about what happens in which order."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        order: list[str] = []

        async def talk() -> None:
            for n in range(2 * CREDIT):
                await ctx.emit(n)
            order.append("talked")

        async def work() -> None:
            await ctx.run(double, 1)
            order.append("worked")

        async with asyncio.TaskGroup() as tg:
            tg.create_task(talk())
            tg.create_task(work())
        return order

    assert survives(node) == ["talked", "worked"]


def test_a_consumer_that_leaves_stops_nobody() -> None:
    """Reading is looking at the log; who stops looking changes nothing."""

    @af.dynamic
    async def node(ctx: af.Context) -> int:
        for n in range(10):
            await ctx.emit(n)
            await asyncio.sleep(1)
        return 10

    with runtime(node) as rt:
        run = rt.start(node)
        for value in run.emitted():
            if value == 2:
                break
        assert run.result() == 10


def test_what_is_left_yields_nothing_any_more() -> None:
    """A child that was cancelled cannot be heard."""
    go_on = threading.Event()
    gone_on = threading.Event()

    @af.activity
    def slow(ctx: af.ActivityContext) -> None:
        ctx.emit("before")
        go_on.wait(20)
        ctx.emit("after")
        gone_on.set()

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        task = asyncio.create_task(ctx.run(slow))
        await ctx.wait_signal("leave")
        task.cancel()
        await asyncio.wait([task])
        await ctx.wait_signal("end")

    with af.Runtime(":memory:", [node]) as rt:
        run = rt.start(node)
        assert next(iter(run.emitted())) == "before"
        run.signal("leave")
        while "ActivationCancelled" not in [
            type(recorded.event).__name__ for recorded in run.history()
        ]:
            next(iter(run.stream(after=len(run.history()))))
        go_on.set()
        assert gone_on.wait(20)
        run.signal("end")
        run.result(timeout=20)
        assert list(run.emitted()) == ["before"]


def test_async_consumers() -> None:
    """Several `async for` see the same values while the execution runs."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        for n in range(5):
            await ctx.run(double, n)
            await ctx.emit(n)

    async def watch(run: Any) -> list[Any]:
        return [value async for value in run.emitted()]

    async def both(run: Any) -> list[list[Any]]:
        return list(await asyncio.gather(watch(run), watch(run)))

    with af.Runtime(":memory:", [node]) as rt:
        run = rt.start(node)
        assert asyncio.run(both(run)) == [[0, 1, 2, 3, 4]] * 2


def test_a_retry_does_not_repeat_what_was_yielded_before_the_failure() -> None:
    """Values before the failure stay; those after it are yielded anew."""
    counted = Counted(failing={"bad": 1})
    bad = counted.activity("bad")

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.emit("begin")
        try:
            await ctx.run(bad)
        except af.NodeFailed:
            await ctx.emit("sorry")
            raise
        await ctx.emit("well")

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.wait().status == "failed"
        rt.retry(run.id)
        run.result()
        assert list(run.emitted()) == ["begin", "sorry", "well"]


def test_what_cannot_be_recorded_stops_no_one_else() -> None:
    """`emit` of what is no data raises where it is called, in activities too."""

    @af.activity
    def tries(ctx: af.ActivityContext) -> str:
        with pytest.raises(af.UnrecordableError):
            ctx.emit(object())
        return "went on"

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.run(tries)

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == "went on"
        assert list(run.emitted()) == []
