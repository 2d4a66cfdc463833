"""`rt.query` and `ctx.on_query`: a look at a running node, which changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import Replayer, ReplayError, runtime
from tests.dynamic.helpers import World, double


@af.dynamic
async def counting(ctx: af.Context) -> int:
    """Count what is signalled on ``tick``, and tell how far it is."""
    count = 0
    ctx.on_query("count", lambda: count)
    ctx.on_query("times", lambda factor: count * factor)
    while count < 3:
        await ctx.wait_signal("tick")
        count += await ctx.run(double, 1) // 2
    return count


@af.dynamic
def counting_on_a_thread(ctx: af.Context) -> int:
    """Do the same, with calls that block."""
    count = 0
    ctx.on_query("count", lambda: count)
    ctx.on_query("times", lambda factor: count * factor)
    while count < 3:
        ctx.wait_signal("tick")
        count += ctx.run(double, 1) // 2
    return count


COUNTING = pytest.mark.parametrize(
    "node", [counting, counting_on_a_thread], ids=["async", "blocking"]
)


@COUNTING
def test_a_query_tells_of_the_node_as_it_is(node: Any) -> None:
    """It is answered between two steps, and the log does not know of it."""
    with runtime(node) as rt:
        run = rt.start(node)
        assert run.query("count") == 0
        run.signal("tick")
        run.wait()
        before = len(run.history())
        assert run.query("count") == 1
        assert rt.query(run.id, "times", 21) == 21
        assert len(run.history()) == before


@COUNTING
def test_on_real_threads(node: Any) -> None:
    """In an ordinary runtime too, whatever the node's thread does."""
    with af.Runtime(":memory:", [node]) as rt:
        run = rt.start(node)
        assert run.query("count") == 0
        run.signal("tick")
        assert run.query("count") in (0, 1)
        run.signal("tick")
        run.signal("tick")
        assert run.result(timeout=20) == 3


def test_a_suspended_execution_is_woken_for_a_query() -> None:
    """It is replayed, answers, and has nothing new in its log."""
    world = World()
    with world.process(counting, max_resting=0) as rt:
        run = rt.start(counting, execution_id="c")
        run.signal("tick")
        run.wait()
        before = len(run.history())
        assert run.query("count") == 1
    with world.process(counting) as rt:
        assert rt.query("c", "count") == 1
        assert len(rt.get("c").history()) == before


def test_a_paused_execution_answers_queries() -> None:
    """To look is always possible."""
    with runtime(counting) as rt:
        run = rt.start(counting)
        run.signal("tick")
        run.wait()
        rt.pause(run.id)
        run.signal("tick")
        assert run.query("count") == 1


def test_what_a_query_returns_is_a_copy() -> None:
    """A caller cannot reach into the node; and what cannot be written is refused."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[int]:
        found: list[int] = []
        ctx.on_query("found", lambda: found)
        ctx.on_query("odd", object)
        await ctx.wait_signal("go")
        return found

    with runtime(node) as rt:
        run = rt.start(node)
        run.query("found").append(3)
        with pytest.raises(af.QueryFailed, match="cannot be recorded"):
            run.query("odd")
        run.signal("go")
        assert run.result() == []


CHANGES: dict[str, Any] = {
    "run": lambda ctx: ctx.run(double, 1),
    "keyed": lambda ctx: ctx.run(double.options(key="k"), 1),
    "map": lambda ctx: ctx.map(double, [1]),
    "wait": lambda ctx: ctx.wait_signal("x"),
    "ask": lambda ctx: ctx.ask("x?"),
    "patched": lambda ctx: ctx.patched("new"),
    "random": lambda ctx: ctx.random.random(),
    "uuid": lambda ctx: str(ctx.uuid4()),
    "handler": lambda ctx: ctx.on_signal("x", print),
    "query": lambda ctx: ctx.on_query("x", print),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("kind", ["async", "blocking"])
def test_a_query_that_changes_something_is_refused(change: Any, kind: str) -> None:
    """Whatever it calls of the context, nothing comes of it, and the node goes on."""

    @af.dynamic(name="node")
    async def coroutine(ctx: af.Context) -> str:
        ctx.on_query("look", lambda: change(ctx))
        return str(await ctx.wait_signal("go"))

    @af.dynamic(name="node")
    def function(ctx: af.Context) -> str:
        ctx.on_query("look", lambda: change(ctx))
        return str(ctx.wait_signal("go"))

    node = coroutine if kind == "async" else function
    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        before = len(run.history())
        with pytest.raises(af.ReadOnlyError, match="only look"):
            run.query("look")
        assert len(run.history()) == before
        run.signal("go", "done")
        assert run.result() == "done"


def test_a_query_wakes_no_task() -> None:
    """What asyncio would make ready is refused as well."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        ready = asyncio.Event()
        ctx.on_query("set", ready.set)
        await ready.wait()

    with runtime(node) as rt:
        run = rt.start(node)
        with pytest.raises(af.ExecutionFailed, match="awaiting what nothing"):
            run.result()

    @af.dynamic
    async def other(ctx: af.Context) -> None:
        ready = asyncio.Event()
        ctx.on_query("set", ready.set)
        ctx.on_signal("set", lambda _: None)
        await ready.wait()

    with runtime(other) as rt:
        run = rt.start(other)
        with pytest.raises(af.ReadOnlyError):
            run.query("set")


def test_an_error_of_a_query_is_its_callers() -> None:
    """The node does not learn of it."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        ctx.on_query("bad", lambda: 1 / 0)
        return str(await ctx.wait_signal("go"))

    with runtime(node) as rt:
        run = rt.start(node)
        with pytest.raises(af.QueryFailed, match="division by zero"):
            run.query("bad")
        with pytest.raises(af.QueryFailed, match="positional argument"):
            run.query("bad", 3)
        run.signal("go", "on")
        assert run.result() == "on"


def test_one_of_several_nodes_is_named_by_its_address() -> None:
    """Without one the query is refused, with the addresses there are."""

    @af.dynamic
    async def part(ctx: af.Context, n: int) -> None:
        ctx.on_query("n", lambda: n)
        await ctx.wait_signal("go")

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.map(part, [7, 8])

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        with pytest.raises(af.QueryFailed, match=r"main/node/part#1\[0\], main"):
            run.query("n")
        assert run.query("n", address="main/node/part#1[1]") == 8
        with pytest.raises(af.HandlerNotFoundError, match="at main/other"):
            run.query("n", address="main/other")


def test_what_nobody_answers_is_an_error() -> None:
    """So is an execution that has ended, or is not there."""
    with runtime(counting) as rt:
        run = rt.start(counting)
        with pytest.raises(af.HandlerNotFoundError, match="'count', 'times'"):
            run.query("other")
        for _ in range(3):
            run.signal("tick")
        run.result()
        with pytest.raises(af.ExecutionEndedError):
            run.query("count")
        with pytest.raises(af.ExecutionNotFoundError):
            rt.query("nobody", "count")


def test_a_query_function_is_a_plain_function_with_a_name_of_its_own() -> None:
    """A coroutine would have to wait, and the second would hide the first."""

    async def later() -> None:
        """Be awaited."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        with pytest.raises(af.HandlerError, match="plain `def`"):
            ctx.on_query("x", later)
        ctx.on_query("y", print)
        with pytest.raises(af.HandlerError, match="already"):
            ctx.on_query("y", print)
        return "went on"

    with runtime(node) as rt:
        assert rt.start(node).result() == "went on"


@COUNTING
def test_a_log_answers_queries_without_its_runtime(node: Any) -> None:
    """The code replays what the log has, and is asked; nothing runs, or is written."""
    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="c")
        run.signal("tick")
        run.wait()
        log = MemoryLog(store=world.store, clock=world.clock.time)
        replayer, before = Replayer(log), len(run.history())
        assert replayer.query(node, "c", "count") == 1
        assert replayer.query(node, "c", "times", 21, address=f"main/{node.name}") == 21
        with pytest.raises(af.HandlerNotFoundError, match="'count', 'times'"):
            replayer.query(node, "c", "other")
        with pytest.raises(af.QueryFailed, match="positional argument"):
            replayer.query(node, "c", "count", 3)
        with pytest.raises(af.ExecutionNotFoundError):
            replayer.query(node, "nobody", "count")
        assert len(run.history()) == before
        for _ in "ab":
            run.signal("tick")
        run.result()
        with pytest.raises(af.ExecutionEndedError):
            replayer.query(node, "c", "count")


def test_other_code_answers_no_queries() -> None:
    """What it would say of itself is not what the execution is."""

    @af.dynamic(name="counting")
    async def other(ctx: af.Context) -> None:
        ctx.on_query("count", lambda: 7)
        await ctx.wait_signal("something else")

    world = World()
    with world.process(counting) as rt:
        rt.start(counting, execution_id="c").wait()
    log = MemoryLog(store=world.store, clock=world.clock.time)
    with pytest.raises(ReplayError):
        Replayer(log).query(other, "c", "count")
