"""Nodes that wait leave memory and come back from the log."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import Any

import pytest

import actorflow as af
from actorflow.actors.ref import PooledRef
from actorflow.runtime.dynamic import DynamicActor
from actorflow.runtime.naps import PORTION
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, addresses, double


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


def _actors() -> set[str]:
    gc.collect()
    refs = (o for o in gc.get_objects() if isinstance(o, PooledRef))
    return {ref.actor_class.__name__ for ref in refs if ref.actor is not None}


def test_sleepers_rest_without_actors_and_wake_in_order() -> None:
    """One clock is enough for all of an execution, whatever they wait for."""

    @af.dynamic
    async def napping(ctx: af.Context, n: int) -> list[Any]:
        if n % 2:
            await ctx.sleep(10 - n)
        else:
            with suppress(TimeoutError):
                await ctx.wait_signal("never", timeout=10 - n)
        return [n, ctx.now().timestamp()]

    @af.dynamic
    async def node(ctx: af.Context) -> list[Any]:
        return list(await ctx.map(napping, range(10)))

    with runtime(node) as rt:
        began = rt.clock.time()
        run = rt.start(node)
        run.wait()
        assert "WaitActor" not in _actors()
        assert run.result() == [[n, began + 10 - n] for n in range(10)]
        woken = [address.split("[")[1][0] for address in addresses(run, "WaitEnded")]
        assert woken == [*"9876543210"]


def test_more_may_wake_at_once_than_in_one_turn() -> None:
    """The rest does so in the next, so that others get theirs in between."""

    @af.dynamic
    async def napping(ctx: af.Context, _: int) -> None:
        await ctx.sleep(10)

    @af.dynamic
    async def node(ctx: af.Context) -> int:
        return len(await ctx.map(napping, range(PORTION + 10)))

    with runtime(node) as rt:
        assert rt.start(node).result() == PORTION + 10


def test_a_question_gets_an_actor_when_an_answer_is_to_be_checked() -> None:
    """A bad answer leaves it open; a default needs no actor before its time."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[Any]:
        asked = ctx.ask("How many?", schema=int, id="many")
        other = ctx.ask("Sure?", schema=bool, id="sure", timeout=60, default=False)
        return list(await asyncio.gather(asked, other))

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        assert "QuestionActor" not in _actors()
        with pytest.raises(af.AnswerError):
            run.answer("many", "three")
        run.answer("many", 3)
        assert run.result() == [3, False]


def test_no_clock_is_left_of_a_sleep_that_was_not_waited_for() -> None:
    """Neither of one that was cancelled, nor of an execution that has ended."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        for _ in range(3):
            async with asyncio.timeout(3_600):
                await ctx.run(double, 1)
        asyncio.create_task(asyncio.sleep(7_200))  # noqa: RUF006 - left at the end

    with runtime(node) as rt:
        run = rt.start(node)
        run.result()
        rt.clock.advance(60)
        timers = rt._services.timers._wall.entries
        assert not any("Naps" in repr(timer._callback) for _, _, timer in timers)


def test_time_that_passes_while_a_part_has_failed_has_passed_for_a_retry() -> None:
    """A sleeper beside a failure does not wake before the retry, and at once then."""
    broken = [True]

    @af.activity
    def fails(_: int) -> int:
        if broken:
            raise OSError("broken")
        return 1

    @af.dynamic
    async def late(ctx: af.Context) -> float:
        await ctx.sleep(100)
        return ctx.now().timestamp()

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await asyncio.gather(ctx.run(late), ctx.run(fails, 1))

    with runtime(node) as rt:
        began = rt.clock.time()
        run = rt.start(node)
        run.wait()
        assert run.status == "failed"
        rt.clock.advance(1_000)
        broken.clear()
        run.retry()
        woken, one = run.result()
        assert one == 1
        assert woken - began >= 1_000


def test_a_pause_stops_the_clocks_of_sleepers() -> None:
    """Each sleeps on for as long as it had left."""

    @af.dynamic
    async def napping(ctx: af.Context, n: int) -> float:
        await ctx.sleep(n)
        return ctx.now().timestamp()

    @af.dynamic
    async def node(ctx: af.Context) -> list[float]:
        return list(await ctx.map(napping, [10, 30]))

    with runtime(node) as rt:
        began = rt.clock.time()
        run = rt.start(node)
        run.wait()
        rt.clock.advance(20)
        run.pause()
        rt.clock.advance(1_000)
        assert run.status == "paused"
        run.resume()
        assert run.result() == [began + 10, began + 1_030]
