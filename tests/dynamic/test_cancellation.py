"""Cancelling inside a dynamic node means what it means in asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import (
    Counted,
    World,
    addresses,
    await_go,
    double,
    refuse,
    survives,
)


def test_a_cancelled_call_is_left() -> None:
    """The log says that the call was left; what it would give is not waited for."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        task = asyncio.create_task(ctx.run(await_go))
        await asyncio.sleep(1)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "left"
        return "not left"

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == "left"
        assert addresses(run, "ActivationCancelled") == ["main/node/await_go#1"]
    assert survives(node) == "left"


def test_a_failing_task_cancels_its_group() -> None:
    """The others of the group are left, and the group raises the failure."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[str]:
        told = []

        async def patient(n: int) -> None:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                told.append(f"cancelled {n}")
                raise

        try:
            async with asyncio.TaskGroup() as tg:
                for n in range(3):
                    tg.create_task(patient(n))
                tg.create_task(ctx.run(refuse, "enough"))
        except* af.NodeFailed as group:
            failed: list[Any] = list(group.exceptions)
            told += [str(error.cause.message) for error in failed]
        return told

    expected = ["cancelled 0", "cancelled 1", "cancelled 2", "enough"]
    assert survives(node) == expected


def test_cleanup_may_call() -> None:
    """What a cancelled task awaits in its ``finally`` is run, and waited for."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[Any]:
        told: list[Any] = []

        async def careful() -> None:
            try:
                await asyncio.sleep(1_000)
            finally:
                told.append(await ctx.run(double, 21))

        task = asyncio.create_task(careful())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return [*told, task.cancelled()]

    assert survives(node) == [42, True]


def test_a_cancellation_can_be_refused() -> None:
    """A task that catches its cancellation goes on."""

    @af.dynamic
    async def node(ctx: af.Context) -> int:
        async def stubborn() -> int:
            try:
                await ctx.wait_signal("never")
            except asyncio.CancelledError:
                return int(await ctx.run(double, 4))
            return 0

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(1)
        task.cancel()
        return await task

    assert survives(node) == 8


def test_what_is_left_running_is_cancelled_at_the_end() -> None:
    """As with `asyncio.run`: tasks nobody awaited are cancelled, cleanup included."""
    counted = Counted()
    cleanup = counted.activity("cleanup")

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        async def forgotten() -> None:
            try:
                await ctx.wait_signal("never")
            finally:
                await ctx.run(cleanup)

        asyncio.create_task(forgotten())  # noqa: RUF006 - that is the point
        await asyncio.sleep(1)
        return "done"

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == "done"
        assert counted.calls == {"cleanup": 1}
        last = [type(e.event).__name__ for e in run.history()][-4:]
    assert last == [
        "ActivationCompleted",  # of the cleanup
        "ActivationCompleted",
        "BranchCompleted",
        "ExecutionCompleted",
    ]
    assert survives(node) == "done"


def test_a_signal_goes_to_those_who_still_wait() -> None:
    """A wait that was left takes no signal."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        try:
            await asyncio.wait_for(ctx.wait_signal("word"), 10)
        except TimeoutError:
            return str(await ctx.wait_signal("word"))
        return "in time"

    with runtime(node) as rt:
        run = rt.start(node)
        rt.clock.advance(20)
        run.signal("word", "hello")
        assert run.result() == "hello"


def test_cancelling_an_execution_stops_its_nodes() -> None:
    """`rt.cancel` ends the node where it is, and nothing of it goes on."""
    counted = Counted()
    after = counted.activity("after")

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        try:
            await ctx.wait_signal("never")
        finally:
            await ctx.run(after)

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        run.cancel(reason="enough")
        with pytest.raises(af.ExecutionCancelled, match="enough"):
            run.result()
        rt.clock.advance(10)
        assert counted.calls == {}


def test_uncancel_and_timeouts_nest() -> None:
    """The inner of two timeouts ends the inner block, the outer the outer."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[str]:
        told = []
        try:
            async with asyncio.timeout(10):
                try:
                    async with asyncio.timeout(3):
                        await asyncio.sleep(100)
                except TimeoutError:
                    told.append("inner")
                await asyncio.sleep(100)
        except TimeoutError:
            told.append("outer")
        told.append(str(asyncio.current_task().cancelling()))  # type: ignore[union-attr]
        return told

    assert survives(node) == ["inner", "outer", "0"]


def test_a_node_that_leaves_memory_calls_nothing() -> None:
    """Passivation unwinds a node; its ``finally`` blocks lead nowhere."""
    counted = Counted()
    cleanup = counted.activity("cleanup")

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        try:
            async with asyncio.TaskGroup() as tg:
                tg.create_task(asyncio.sleep(1))
                word = await ctx.wait_signal("word")
        finally:
            await ctx.run(cleanup)
        return str(word)

    world = World()
    for _ in range(3):
        with world.process(node) as rt:
            run = rt.start(node, execution_id="n")
            rt.clock.advance(5)
            assert run.wait().status == "suspended"
            assert counted.calls == {}
    with world.process(node) as rt:
        rt.signal("n", "word", "hello")
        assert rt.get("n").result() == "hello"
        assert counted.calls == {"cleanup": 1}


def test_one_of_two_that_wait_for_a_key_may_leave() -> None:
    """A call with a key goes on while somebody waits for it."""
    counted = Counted()
    shared = counted.activity("shared").options(key="one")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        first = asyncio.create_task(ctx.run(shared, 7))
        second = asyncio.create_task(ctx.run(shared, 7))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert survives(node) == 7


async def _sleeps() -> None:
    await asyncio.sleep(1000)


@pytest.mark.parametrize(
    "waits",
    [
        lambda ctx: _sleeps(),
        lambda ctx: ctx.run(double, 1.5),
        lambda ctx: ctx.wait_signal("never"),
        lambda ctx: ctx.ask("Who is there?"),
    ],
    ids=["sleep", "run", "wait_signal", "ask"],
)
def test_a_bare_except_around_everything_keeps_nobody(
    waits: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A node that catches whatever unwinds it, in a loop, is left where it is."""

    @af.dynamic
    async def deaf(ctx: af.Context) -> None:
        while True:
            try:
                await waits(ctx)
                await ctx.wait_signal("never")
            except BaseException:  # noqa: BLE001, S110 - people do
                pass

    with runtime(deaf) as rt:
        run = rt.start(deaf)
        run.cancel()
        assert run.wait().status == "cancelled"

    (told,) = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert "deaf cannot be left: it catches what unwinds it" in told


def test_a_context_that_outlives_its_node_says_so() -> None:
    """Whoever keeps one is told why it does nothing."""
    kept: list[af.Context] = []

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        kept.append(ctx)

    with runtime(node) as rt:
        rt.start(node).result()
        with pytest.raises(
            BaseException, match="the node has left memory, or has ended"
        ):
            asyncio.run(kept[0].run(double, 1))
