"""What a node learns of time and chance is the same in every replay."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, World, double, echo, survives


def test_time_and_chance_are_repeated() -> None:
    """`now`, `random` and `uuid4` give the same values after every restart."""

    @af.dynamic
    async def node(ctx: af.Context) -> bool:
        async def look() -> list[Any]:
            await asyncio.sleep(1.5)
            return [ctx.now().isoformat(), ctx.random.random(), str(ctx.uuid4())]

        seen = [await look(), await look()]
        recorded = await ctx.run(echo, seen)
        await asyncio.sleep(1)
        return bool(recorded == seen and seen[0] != seen[1])

    assert survives(node) is True


def test_now_is_the_time_of_the_latest_event() -> None:
    """Time does not pass while a node computes, and passes while it sleeps."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[float]:
        began = ctx.now()
        same = ctx.now()
        await asyncio.sleep(60)
        loop_time = asyncio.get_running_loop().time()
        return [
            (same - began).total_seconds(),
            (ctx.now() - began).total_seconds(),
            ctx.now().timestamp() - loop_time,
        ]

    with runtime(node) as rt:
        assert rt.start(node).result() == pytest.approx([0, 60, 0])


def test_chance_differs_between_executions() -> None:
    """Each activation has its own numbers."""

    @af.dynamic
    async def node(ctx: af.Context) -> float:
        return ctx.random.random()

    with runtime(node) as rt:
        values = {rt.start(node).result() for _ in range(5)}
    assert len(values) == 5


def test_a_recorded_value_is_made_once() -> None:
    """`record` calls its function once, whatever the process does."""
    made: list[int] = []

    def make(n: int) -> list[int]:
        made.append(n)
        return [n, len(made)]

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        first = await ctx.record("plan", make, 5)
        word = await ctx.wait_signal("word")
        again = await ctx.record("plan", make, 5)
        return [first == again, word]

    world = World()
    for _ in range(3):
        with world.process(node) as rt:
            rt.start(node, execution_id="n").wait()
    with world.process(node) as rt:
        rt.signal("n", "word", "w")
        assert rt.get("n").result() == [True, "w"]
    assert made == [5]


def test_what_is_recorded_may_be_awaited() -> None:
    """A coroutine function is awaited, once, also by two at the same time."""
    counted = Counted()
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        async def make() -> int:
            return int(await ctx.run(work, 3)) + 1

        return list(await asyncio.gather(ctx.record("k", make), ctx.record("k", make)))

    assert survives(node) == [4, 4]


def test_a_failing_record_is_not_recorded() -> None:
    """An exception goes to the caller, and the next `record` tries anew."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        tries = iter([ZeroDivisionError("once"), None])

        def make() -> str:
            error = next(tries)
            if error is not None:
                raise error
            return "made"

        with pytest.raises(ZeroDivisionError):
            await ctx.record("k", make)
        return await ctx.record("k", make)

    assert survives(node) == "made"


def test_a_patch_is_taken_by_what_begins() -> None:
    """A new execution takes the new way, and says so ever after."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        await ctx.run(double, 1)
        if ctx.patched("v2"):
            return str(await ctx.run(echo, "new"))
        return "old"

    assert survives(node) == "new"


def _waiting(ctx: af.Context) -> Any:
    return ctx.wait_signal("word")


def test_a_patch_is_not_taken_by_what_is_under_way() -> None:
    """What began before the patch stays on the old way, for all of its life."""

    @af.dynamic(name="node")
    async def old(ctx: af.Context) -> str:
        await ctx.run(double, 1)
        await _waiting(ctx)
        return "old"

    @af.dynamic(name="node")
    async def new(ctx: af.Context) -> str:
        patched = ctx.patched("v2")
        if patched:
            await ctx.run(echo, "more")
        await ctx.run(double, 1)
        await _waiting(ctx)
        return "new" if ctx.patched("v2") else "old"

    world = World()
    with world.process(old) as rt:
        rt.start(old, execution_id="under way").wait()
    with world.process(new) as rt:
        rt.start(new, execution_id="fresh").wait()
    with world.process(new) as rt:
        for name in ("under way", "fresh"):
            rt.signal(name, "word")
        assert rt.get("under way").result() == "old"
        assert rt.get("fresh").result() == "new"


def test_a_patch_before_the_first_result_is_seen_as_old() -> None:
    """A node whose only recorded call is still open is under way as well."""

    @af.dynamic(name="node")
    async def old(ctx: af.Context) -> str:
        return str(await _waiting(ctx))

    @af.dynamic(name="node")
    async def new(ctx: af.Context) -> str:
        if ctx.patched("v2"):
            await ctx.run(double, 1)
        return str(await _waiting(ctx))

    world = World()
    with world.process(old) as rt:
        rt.start(old, execution_id="n").wait()
    with world.process(new) as rt:
        rt.signal("n", "word", "hi")
        assert rt.get("n").result() == "hi"


def test_a_patch_in_a_loop_stays_what_it_was() -> None:
    """Turns of a loop that come after the patch go the way of those before it."""

    @af.dynamic(name="node")
    async def old(ctx: af.Context) -> list[str]:
        return [str(await _waiting(ctx)) for _ in range(3)]

    @af.dynamic(name="node")
    async def new(ctx: af.Context) -> list[str]:
        told = []
        for _ in range(3):
            if ctx.patched("v2"):
                await ctx.run(double, 1)
            told.append(str(await _waiting(ctx)))
        return told

    world = World()
    with world.process(old) as rt:
        run = rt.start(old, execution_id="n")
        run.signal("word", "a")
        run.wait()
    for word in "bc":
        with world.process(new) as rt:
            rt.signal("n", "word", word)
            rt.get("n").wait()
    with world.process(new) as rt:
        assert rt.get("n").result() == ["a", "b", "c"]


def test_the_log_is_silent_on_replay(caplog: pytest.LogCaptureFixture) -> None:
    """A line is logged once, however often the node is replayed."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        for n in range(3):
            await ctx.run(double, n)
            ctx.log.warning("step %d", n)
        await _waiting(ctx)
        ctx.log.warning("end")

    world = World()
    with caplog.at_level(logging.INFO, "actorflow.node"):
        for _ in range(3):
            with world.process(node) as rt:
                rt.start(node, execution_id="n").wait()
        with world.process(node) as rt:
            rt.signal("n", "word")
            rt.get("n").result()
    lines = [r.getMessage() for r in caplog.records if r.name == "actorflow.node"]
    assert lines == [
        f"main/node: {text}" for text in ("step 0", "step 1", "step 2", "end")
    ]


def test_results_are_of_the_annotated_types() -> None:
    """A child's result comes back as what its annotation says, live and replayed."""

    @af.activity
    def pair() -> tuple[int, str]:
        return (1, "a")

    @af.dynamic
    async def node(ctx: af.Context) -> list[str]:
        value = await ctx.run(pair)
        values = await ctx.map(double, [1, 2])
        return [type(value).__name__, type(values).__name__, type(values[0]).__name__]

    assert survives(node) == ["tuple", "list", "int"]
