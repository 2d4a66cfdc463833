"""Code that does something else than the log has is found out, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from tests.dynamic.helpers import Counted, World, double, echo


def _node(fn: Any) -> Any:
    return af.dynamic(name="node")(fn)


@_node
async def recorded(ctx: af.Context) -> str:
    """Be the version that began."""
    await ctx.run(double, 1)
    await ctx.run(echo, "a")
    await ctx.wait_signal("go")
    return "recorded"


@_node
async def other_input(ctx: af.Context) -> None:
    """Call the same with something else."""
    await ctx.run(double, 2)
    await ctx.run(echo, "a")
    await ctx.wait_signal("go")


@_node
async def other_node(ctx: af.Context) -> None:
    """Call something else."""
    await ctx.run(echo, 1)
    await ctx.run(echo, "a")
    await ctx.wait_signal("go")


@_node
async def call_added(ctx: af.Context) -> None:
    """Call more, in the middle."""
    await ctx.run(double, 1)
    await ctx.run(double, 5)
    await ctx.run(echo, "a")
    await ctx.wait_signal("go")


@_node
async def call_removed(ctx: af.Context) -> None:
    """Call less, in the middle."""
    await ctx.run(double, 1)
    await ctx.wait_signal("go")


@_node
async def call_in_another_task(ctx: af.Context) -> None:
    """Call the same, somewhere else."""

    async def inner() -> None:
        await ctx.run(double, 1)

    await asyncio.create_task(inner())
    await ctx.run(echo, "a")
    await ctx.wait_signal("go")


@_node
async def sleeps_instead(ctx: af.Context) -> None:
    """Sleep where something was called."""
    await ctx.run(double, 1)
    await asyncio.sleep(1)
    await ctx.wait_signal("go")


@_node
async def other_topic(ctx: af.Context) -> None:
    """Wait for something else."""
    await ctx.run(double, 1)
    await ctx.run(echo, "a")
    await ctx.wait_signal("stop")


@_node
async def ends_early(ctx: af.Context) -> None:
    """Return before everything recorded has been called."""
    await ctx.run(double, 1)


@_node
async def catches_everything(ctx: af.Context) -> str:
    """Try to hide the difference."""
    try:
        await ctx.run(double, 2)
    except Exception:  # noqa: BLE001 - that is the point
        return "hidden"
    return "?"


@pytest.mark.parametrize(
    ("version", "address", "expected", "got"),
    [
        (other_input, "double#1", "double(1)", "double(2)"),
        (other_node, "double#1", "double(1)", "echo(1)"),
        (call_added, "echo#2", "echo('a')", "double(5)"),
        (call_removed, "echo#2", "echo('a')", "go(topic='go')"),
        (call_in_another_task, "double#1", "double(1)", "double(1)"),
        (sleeps_instead, "echo#2", "echo('a')", "timer"),
        (other_topic, "signal:go#3", "go(topic='go')", "stop(topic='stop')"),
        (ends_early, "echo#2", "echo('a')", "the end"),
        (catches_everything, "double#1", "double(1)", "double(2)"),
    ],
    ids=lambda value: getattr(getattr(value, "fn", None), "__name__", None),
)
def test_a_difference_is_reported(
    version: Any, address: str, expected: str, got: str
) -> None:
    """The failure says where, what the log has, and what the code does."""
    world = World()
    with world.process(recorded) as rt:
        rt.start(recorded, execution_id="n").wait()
    with world.process(version) as rt:
        rt.signal("n", "go")
        error = rt.get("n").wait().error
    assert error is not None
    assert "actorflow.errors:NonDeterminismError" in error.exceptions
    place = error.details.pop("place")
    assert f"{Path(__file__).name}:" in place
    assert place.endswith((f" in {version.__name__}", " in inner"))
    assert error.details.pop("seq") >= 4
    assert error.details == {
        "address": f"main/node/{address}",
        "expected": expected,
        "got": got,
    }


def test_with_the_right_code_a_retry_goes_on() -> None:
    """Nothing of the node has changed: the old code goes on where it was."""
    counted = Counted()
    work = counted.activity("work")

    @_node
    async def right(ctx: af.Context) -> Any:
        first = await ctx.run(work, 1)
        await ctx.wait_signal("go")
        return [first, await ctx.run(work, 2)]

    @_node
    async def wrong(ctx: af.Context) -> Any:
        await ctx.wait_signal("go")

    world = World()
    with world.process(right) as rt:
        rt.start(right, execution_id="n").wait()
    with world.process(wrong) as rt:
        rt.signal("n", "go")
        assert rt.get("n").wait().status == "failed"
    with world.process(right) as rt:
        rt.retry("n")
        assert rt.get("n").result() == [1, 2]
    assert counted.calls == {"work": 2}


def test_a_difference_in_a_child_is_no_failure_its_parent_could_catch() -> None:
    """The whole execution stops: going on would be wrong, whoever it is."""

    @af.dynamic(name="inner")
    async def inner(ctx: af.Context) -> None:
        await ctx.run(double, 1)
        await ctx.wait_signal("go")

    @af.dynamic(name="inner")
    async def changed(ctx: af.Context) -> None:
        await ctx.wait_signal("go")

    def parent(child: Any) -> Any:
        @_node
        async def node(ctx: af.Context) -> str:
            try:
                await ctx.run(child)
            except af.NodeFailed:
                return "caught"
            return "went well"

        return node

    world = World()
    with world.process(parent(inner)) as rt:
        rt.start("node", execution_id="n").wait()
    with world.process(parent(changed)) as rt:
        rt.signal("n", "go")
        error = rt.get("n").wait().error
        assert error is not None
        assert error.details["address"] == "main/node/inner#1/double#1"
    with world.process(parent(inner)) as rt:
        rt.retry("n")
        assert rt.get("n").result() == "went well"


def test_a_call_that_was_left_must_be_left_again() -> None:
    """Waiting on for what the log has as left is a difference."""

    @_node
    async def leaves(ctx: af.Context) -> None:
        try:
            async with asyncio.timeout(1):
                await ctx.wait_signal("never")
        except TimeoutError:
            await ctx.wait_signal("go")

    @_node
    async def stays(ctx: af.Context) -> None:
        try:
            async with asyncio.timeout(1):
                await asyncio.shield(asyncio.ensure_future(ctx.wait_signal("never")))
        except TimeoutError:
            await ctx.wait_signal("go")

    world = World()
    with world.process(leaves) as rt:
        run = rt.start(leaves, execution_id="n")
        rt.clock.advance(2)
        assert run.wait().suspension.topics == ("go",)  # type: ignore[union-attr]
    with world.process(stays) as rt:
        rt.signal("n", "go")
        error = rt.get("n").wait().error
        assert error is not None
        assert "was left" in error.message


def test_code_may_change_behind_what_is_recorded() -> None:
    """What has not been reached yet is free."""

    @_node
    async def longer(ctx: af.Context) -> Any:
        await ctx.run(double, 1)
        await ctx.run(echo, "a")
        await ctx.wait_signal("go")
        return await ctx.run(echo, "more")

    world = World()
    with world.process(recorded) as rt:
        rt.start(recorded, execution_id="n").wait()
    with world.process(longer) as rt:
        rt.signal("n", "go")
        assert rt.get("n").result() == "more"


def test_in_a_file(tmp_path: Path) -> None:
    """The same, in an ordinary runtime on a SQLite file."""
    file = tmp_path / "log.db"
    with af.Runtime(file, [recorded]) as rt:
        rt.start(recorded, execution_id="n").wait(timeout=20)
    with af.Runtime(file, [other_input]) as rt:
        rt.signal("n", "go")
        with pytest.raises(af.ExecutionFailed, match=r"the log has double\(1\)"):
            rt.get("n").result(timeout=20)
    with af.Runtime(file, [recorded]) as rt:
        rt.retry("n")
        assert rt.get("n").result(timeout=20) == "recorded"
