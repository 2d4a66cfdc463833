"""Children of dynamic nodes: `ctx.start_child`, and `ctx.run` of a `Child`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import Replayer, ReplayError, Simulation, runtime
from tests.children.helpers import Story, kinds, statuses


@pytest.fixture
def story() -> Story:
    """Definitions with a diary."""
    return Story()


def test_start_and_result(story: Story) -> None:
    """A node starts children, does other things, and reads what they gave."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[Any]:
        one = ctx.start_child(story.doubling, 1)
        two = await ctx.start_child(story.doubling, n=2)
        return [one.id, await one.result(), two.id, await two.result()]

    with runtime(node) as rt:
        assert rt.start(node, execution_id="x").result() == [
            "x/main/node/doubling#1",
            2,
            "x/main/node/doubling#2",
            4,
        ]


def test_run(story: Story) -> None:
    """`run` of a child is its start and its result."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.run(af.Child(story.doubling, key="once"), 5)

    with runtime(node) as rt:
        assert rt.start(node, execution_id="x").result() == 10
        assert [row.id for row in rt.list(parent="x")] == ["x/main/node/doubling:once"]


def test_map(story: Story) -> None:
    """`map` runs a child for every item."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.map(af.Child(story.doubling), [1, 2, 3], max_concurrency=2)

    with runtime(node) as rt:
        assert rt.start(node).result() == [2, 4, 6]


def test_any_definition(story: Story) -> None:
    """A dynamic node or an activity is an execution of its own as well."""

    @af.dynamic
    async def low(ctx: af.Context, n: int) -> Any:
        return await ctx.run(story.double, n)

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        one = ctx.start_child(low, 4)
        return [await one.result(), await ctx.start_child(story.double, 1).result()]

    with runtime(node) as rt:
        assert rt.start(node).result() == [8, 2]


def test_failure(story: Story) -> None:
    """A failed child raises where its result is asked for, and may be caught."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.frail, "cup")
        try:
            return await child.result()
        except af.NodeFailed as error:
            return [error.cause.execution == child.id, error.cause.message]

    with runtime(node) as rt:
        run = rt.start(node, execution_id="x")

        assert run.result() == [
            True,
            "child execution 'x/main/node/frail#1' failed: cup broke",
        ]


def test_retry_of_the_parent(story: Story) -> None:
    """A retry of the parent lets the child go on that failed the node."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.start_child(story.frail, "cup").result()

    with runtime(node) as rt:
        run = rt.start(node, execution_id="x")
        assert run.wait().status == "failed"
        story.broken = False
        run.retry()
        assert run.result() == "mended cup"
        assert len(rt.list()) == 2


def test_signal(story: Story) -> None:
    """A node signals its child, at once if it likes; the signal arrives once."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.stock, "hat")
        await child.signal("go", {"n": 1})
        return await child.result()

    with runtime(node) as rt:
        assert rt.start(node, execution_id="x").result() == "reserved hat"
        assert kinds(rt, "x/main/node/stock#1").count("SignalReceived") == 1


def test_signal_after_the_end(story: Story) -> None:
    """A signal to a child that has ended is an error."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.doubling, 1)
        await child.result()
        try:
            await child.signal("go")
        except af.NodeFailed as error:
            return error.cause.message

    with runtime(node) as rt:
        run = rt.start(node, execution_id="x")
        assert run.result() == "child execution 'x/main/node/doubling#1' has ended"


def test_cancel(story: Story) -> None:
    """A node cancels its child, and is told so where it waits for the result."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.stock, "hat")
        await ctx.sleep(5)
        await child.cancel("enough", compensate=True)
        try:
            await child.result()
        except af.NodeFailed as error:
            await child.cancel()  # of what has ended, nothing
            return error.cause.type

    with runtime(node) as rt:
        assert rt.start(node).result() == "cancelled"
        assert story.undone == ["reserved hat"]


@pytest.mark.parametrize("seed", [0, 1])
def test_children_that_only_the_node_knows(story: Story, seed: int) -> None:
    """A node is woken to make known what its children are, although it only waits."""
    nap = af.Flow("nap", inputs=["n"]).sleep(10).then(story.double, into="x")
    nap.output("x")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        children = [ctx.start_child(nap, n) for n in range(2)]
        return [await child.result() for child in children]

    report = Simulation(node, seed=seed).crash_everywhere()

    assert report.end.output == [0, 2]


def test_timeout_of_the_wait(story: Story) -> None:
    """Who gives up waiting leaves a started child at work, and may wait again."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.stock, "hat")
        try:
            async with asyncio.timeout(10):
                return await child.result()
        except TimeoutError:
            await child.signal("go")
            return ["late", await child.result()]

    with runtime(node) as rt:
        assert rt.start(node).result() == ["late", "reserved hat"]


def test_timeout_of_a_run(story: Story) -> None:
    """A child that was only run is cancelled when nobody waits for it any more."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            async with asyncio.timeout(10):
                return await ctx.run(af.Child(story.stock), "hat")
        except TimeoutError:
            return "late"

    with runtime(node) as rt:
        assert rt.start(node, execution_id="x").result() == "late"
        rt.clock.advance(0)
        assert [row.status for row in rt.list(parent="x")] == ["cancelled"]


@pytest.mark.parametrize("seed", [0, 1])
def test_started_and_left(story: Story, seed: int) -> None:
    """What a node starts with its last breath is started."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        ctx.start_child(story.stock, "hat")
        return "done"

    report = Simulation(node, definitions=[story.stock], seed=seed).crash_everywhere()

    assert report.end.output == "done"
    assert report.end.others == {"simulated/main/node/stock#1": "suspended"}


@pytest.mark.parametrize(
    ("end", "policy", "status"),
    [
        ("completed", "cancel", "suspended"),
        ("failed", "cancel", "cancelled"),
        ("failed", "abandon", "suspended"),
    ],
)
def test_node_ends_first(story: Story, end: str, policy: Any, status: str) -> None:
    """A node that ends well leaves its children at work; else their policy decides."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        ctx.start_child(af.Child(story.stock, on_parent_close=policy), "hat")
        await ctx.sleep(5)
        if end == "failed":
            raise ValueError("no")

    with runtime(node) as rt:
        run = rt.start(node, execution_id="x")
        rt.clock.advance(6)

        assert run.status == end
        assert statuses(rt)["x/main/node/stock#1"] == status


def test_attempts_of_the_node(story: Story) -> None:
    """A further attempt lets the child go on that failed the one before."""
    tries = []

    @af.dynamic(retry=af.Retry(max_attempts=3, initial=1))
    async def node(ctx: af.Context) -> Any:
        good = await ctx.start_child(story.doubling, 1).result()
        tries.append(good)
        story.broken = len(tries) < 2
        return [good, await ctx.start_child(story.frail, "cup").result()]

    with runtime(node) as rt:
        assert rt.start(node, execution_id="x").result() == [2, "mended cup"]
        assert story.did == [1, "fragile cup", "fragile cup"]
        assert len(rt.list(parent="x")) == 2


def test_node_that_continues_as_new(story: Story) -> None:
    """Each run of the node has children of its own; those at work go on."""

    @af.dynamic
    async def node(ctx: af.Context, n: int) -> Any:
        await ctx.start_child(story.doubling, n).result()
        ctx.start_child(story.stock, "hat")
        if n < 3:
            ctx.continue_as_new(n + 1)
        return n

    with runtime(node) as rt:
        assert rt.start(node, 1, execution_id="x").result() == 3
        assert story.did.count("hat") == 3
        assert [n for n in story.did if n != "hat"] == [1, 2, 3]
        assert sorted(row.status for row in rt.list(parent="x")) == [
            *["completed"] * 3,
            *["suspended"] * 3,
        ]


def test_sync_node(story: Story) -> None:
    """In a `def` node the handle's methods block."""

    @af.dynamic
    def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.stock, "hat")
        child.signal("go")
        return child.result()

    with runtime(node) as rt:
        assert rt.start(node).result() == "reserved hat"


def test_replays(story: Story) -> None:
    """A history with children is checked against today's code like any other."""

    @af.dynamic(name="node")
    async def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.stock, "hat")
        await child.signal("go")
        return await child.result()

    @af.dynamic(name="node")
    async def other(ctx: af.Context) -> Any:
        return await ctx.start_child(story.doubling, 1).result()

    @af.dynamic(name="last")
    async def last(ctx: af.Context) -> None:
        ctx.start_child(story.stock, "hat")

    with runtime(node, last) as rt:
        rt.start(node, execution_id="x").result()
        rt.start(last).result()

        assert Replayer(rt.log).check(node) == 1
        assert Replayer(rt.log).check(last) == 1
        with pytest.raises(ReplayError):
            Replayer(rt.log).check(other)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_crash_everywhere(story: Story, seed: int) -> None:
    """A crash anywhere starts no second child, and loses no signal."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        child = ctx.start_child(story.stock, "hat")
        other = ctx.start_child(story.doubling, 1)
        await child.signal("go")
        gone = ctx.start_child(story.stock, "cap")
        await gone.cancel()
        return [await child.result(), await other.result()]

    # One outlives the node that makes it known, so the runtime has to know it.
    others = [story.stock, story.doubling]
    Simulation(node, definitions=others, seed=seed).crash_everywhere()
