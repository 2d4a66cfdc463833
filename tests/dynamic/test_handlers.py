"""`ctx.on_signal`: messages that are handled while the node does something else."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import Replayer, runtime
from tests.dynamic.helpers import Counted, World, double, refuse, survives


@af.dynamic
async def collecting(ctx: af.Context, n: int) -> list[Any]:
    """Collect *n* numbers, each doubled by an activity, and say what came meanwhile."""
    found: list[Any] = []
    enough = asyncio.Event()

    async def add(number: int) -> None:
        found.append(await ctx.run(double, number))
        if len(found) == n:
            enough.set()

    ctx.on_signal("number", add)
    ctx.on_signal("note", found.append)
    await ctx.run(double, 1)
    await enough.wait()
    return found


@af.dynamic
def collecting_on_a_thread(ctx: af.Context, n: int) -> list[Any]:
    """Do the same, with calls that block."""
    found: list[Any] = []

    def add(number: int) -> None:
        found.append(ctx.run(double, number))

    ctx.on_signal("number", add)
    ctx.run(double, 1)
    while len(found) < n:
        ctx.sleep(0.2)
    return found


def _log(world: World) -> MemoryLog:
    return MemoryLog(store=world.store, clock=world.clock.time)


def test_every_signal_is_handled_in_order() -> None:
    """Handlers get what comes, one after the other, while the node does the rest."""
    with runtime(collecting) as rt:
        run = rt.start(collecting, 3)
        for number in (1, 2, 3):
            run.signal("number", number)
        assert run.result() == [2, 4, 6]


def test_signals_that_came_before_the_handler_are_handled() -> None:
    """A signal is kept until something consumes it, and a handler does."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[int]:
        found: list[int] = []
        await ctx.wait_signal("go")
        ctx.on_signal("number", found.append)
        await asyncio.sleep(1)
        return found

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        for number in (1, 2):
            run.signal("number", number)
        run.signal("go")
        assert run.result() == [1, 2]


@pytest.mark.parametrize("node", [collecting, collecting_on_a_thread])
def test_handlers_survive_a_crash_anywhere(node: Any) -> None:
    """What was handled is handled again in the same place, and never done twice."""
    output = survives(node, inputs={"n": 2}, signals={"number": [5, 6]})
    assert output == [10, 12]


@pytest.mark.parametrize("node", [collecting, collecting_on_a_thread])
def test_handlers_replay(node: Any) -> None:
    """A recorded history with handled signals is what today's code does."""
    world = World()
    with world.process(node) as rt:
        run = rt.start(node, 2)
        for number in (1, 2):
            run.signal("number", number)
        assert run.result() == [2, 4]
    assert Replayer(_log(world)).check(node) == 1


def test_handlers_of_one_topic_do_not_overlap_those_of_two_do() -> None:
    """The second signal waits for the handler of the first; another topic does not."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[str]:
        told: list[str] = []

        async def slow(word: str) -> None:
            told.append(f"{word} begins")
            await asyncio.sleep(60)
            told.append(f"{word} ends")

        ctx.on_signal("slow", slow)
        ctx.on_signal("quick", told.append)
        await asyncio.sleep(1_000)
        return told

    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("slow", "a")
        run.signal("slow", "b")
        run.signal("quick", "c")
        assert run.result() == ["a begins", "c", "a ends", "b begins", "b ends"]


def test_blocking_handlers_take_turns_with_their_node() -> None:
    """In a `def` node a handler that waits holds nobody up, and only one is at work."""

    @af.dynamic
    def node(ctx: af.Context) -> list[str]:
        told: list[str] = []

        def slow(word: str) -> None:
            told.append(f"{word} begins")
            ctx.sleep(60)
            told.append(f"{word} ends")

        ctx.on_signal("slow", slow)
        ctx.on_signal("quick", told.append)
        for round_ in (1, 2):
            ctx.sleep(20)
            told.append(f"round {round_}")
        return told

    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("slow", "a")
        run.signal("quick", "c")
        assert run.result() == ["a begins", "c", "round 1", "round 2", "a ends"]


def test_a_node_that_returns_waits_for_handlers_at_work() -> None:
    """What has begun is finished; what has not been taken stays in the execution."""
    done: list[int] = []

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        async def handle(number: int) -> None:
            await asyncio.gather(asyncio.sleep(60), ctx.run(double, number))
            done.append(number)

        ctx.on_signal("number", handle)
        await asyncio.sleep(1)
        return "returned"

    flow = af.Flow("after").then(node).wait_signal("number", into="left").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.signal("number", 1)
        run.signal("number", 2)
        assert run.result() == {"node": "returned", "left": 2}
    assert done == [1]


def test_a_node_that_fails_cancels_its_handlers() -> None:
    """Nobody waits for what a failed node was told."""
    told: list[str] = []

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        async def handle(_: Any) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                told.append("cancelled")
                raise

        ctx.on_signal("number", handle)
        await asyncio.sleep(1)
        raise KeyError("mine")

    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("number", 1)
        with pytest.raises(af.ExecutionFailed, match="mine"):
            run.result()
        assert run.wait().duration == 1
    assert told == ["cancelled"]


@pytest.mark.parametrize("kind", ["async", "blocking"])
def test_what_a_handler_raises_fails_the_node(kind: str) -> None:
    """The error names the handler, and what the node waits for is left."""

    def handle(_: Any) -> None:
        raise ValueError("bad number")

    @af.dynamic(name="node")
    async def coroutine(ctx: af.Context) -> None:
        ctx.on_signal("number", handle)
        await ctx.wait_signal("never")

    @af.dynamic(name="node")
    def function(ctx: af.Context) -> None:
        ctx.on_signal("number", handle)
        ctx.wait_signal("never")

    node = function if kind == "blocking" else coroutine
    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("number", 1)
        error = run.wait().error
    assert error is not None
    assert (error.address, error.message) == ("main/node", "bad number")
    assert "in the handler of signal 'number'" in (error.traceback or "")


def test_a_retry_repeats_the_child_that_failed_a_handler() -> None:
    """The handler goes on where it was, and so does the node."""
    counted = Counted(failing={"work": 1})
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        done = asyncio.Event()

        async def handle(_: Any) -> None:
            await ctx.run(work)
            done.set()

        ctx.on_signal("number", handle)
        first = await ctx.run(double, 2)
        await done.wait()
        return first

    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("number", 1)
        assert run.wait().status == "failed"
        run.retry()
        assert run.result() == 4
    assert counted.calls == {"work": 2}


class Breaking:
    """A node that fails at one place until it is repaired."""

    def __init__(self, where: str) -> None:
        self._where: str | None = where

    def fails(self, where: str) -> None:
        """Raise if that is the place."""
        if where == self._where:
            raise ValueError("not yet")

    def repair(self) -> None:
        """Let it go on."""
        self._where = None


@pytest.mark.parametrize("where", ["handler", "task", "node"])
def test_a_repaired_node_goes_on_where_it_failed(where: str) -> None:
    """What it left is made anew; what has ended, or was told, is not lost."""
    counted, breaking = Counted(), Breaking(where)
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        found: list[Any] = []

        def handle(number: int) -> None:
            breaking.fails("handler")
            found.append(number)

        ctx.on_signal("number", handle)
        waiting = asyncio.create_task(ctx.wait_signal("later"))
        await ctx.run(work)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(5))
            breaking.fails("task")
        breaking.fails("node")
        return [await ctx.wait_signal("end"), await waiting, found]

    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("number", 1)
        for _ in "ab":
            with pytest.raises(af.ExecutionFailed):
                run.result()
            run.retry()
        breaking.repair()
        with pytest.raises(af.ExecutionFailed):
            run.result()
        run.retry()
        run.signal("later", "late")
        run.signal("end", "end")
        assert run.result() == ["end", "late", [1]]
    assert counted.calls == {"work": 1}


def test_payloads_come_as_annotated() -> None:
    """The handler's parameter says what a payload comes back as."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[Any]:
        found: list[Any] = []

        def handle(number: Decimal) -> None:
            found.append(number)

        ctx.on_signal("number", handle)
        await asyncio.sleep(1)
        return found

    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("number", "1.50")
        assert run.result() == [Decimal("1.50")]


def test_a_suspended_node_with_handlers_leaves_memory() -> None:
    """A signal brings it back, and its handler handles it."""
    world = World()
    with world.process(collecting, max_resting=0) as rt:
        run = rt.start(collecting, 2, execution_id="n")
        rest = run.wait().suspension
        assert rest is not None
        assert rest.topics == ("number", "note")
        run.signal("number", 1)
        run.signal("number", 2)
        assert run.result() == [2, 4]


@pytest.mark.parametrize(
    ("install", "why"),
    [
        (lambda ctx: ctx.on_signal("", print), "it needs a name"),
        (lambda ctx: ctx.on_update(3, print), "name must be text, not 3"),
        (lambda ctx: ctx.on_signal("x", 3), "handler must be a function, not 3"),
        (lambda ctx: ctx.on_signal("x", lambda: 1), "to take one argument"),
        (lambda ctx: ctx.on_signal("x", lambda a, b: 1), "to take one argument"),
        (lambda ctx: [ctx.on_signal("x", print) for _ in "ab"], "a handler already"),
        (
            lambda ctx: (ctx.on_signal("x", print), ctx.wait_signal("x")),
            "do not wait for them as well",
        ),
    ],
    ids=[
        "no name",
        "a number",
        "no function",
        "no parameter",
        "two parameters",
        "twice",
        "and a wait",
    ],
)
def test_bad_handlers_are_refused(install: Any, why: str) -> None:
    """The error says which handler, and what is wrong with it."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        with pytest.raises((af.HandlerError, af.SettingError), match=why):
            install(ctx)
        return "went on"

    with runtime(node) as rt:
        assert rt.start(node).result() == "went on"


def test_a_blocking_node_has_blocking_handlers() -> None:
    """A coroutine function would have nothing to run it."""

    async def handle(_: Any) -> None:
        """Be a coroutine."""

    @af.dynamic
    def node(ctx: af.Context) -> None:
        ctx.on_signal("x", handle)

    with (
        runtime(node) as rt,
        pytest.raises(af.ExecutionFailed, match="a plain `def` here"),
    ):
        rt.start(node).result()


def test_a_pause_keeps_signals_from_handlers() -> None:
    """They are accepted, and handled after the resume."""
    with runtime(collecting) as rt:
        run = rt.start(collecting, 1)
        run.wait()
        rt.pause(run.id)
        run.signal("number", 1)
        assert run.wait().status == "paused"
        run.resume()
        assert run.result() == [2]


def test_handlers_work_on_real_threads() -> None:
    """In an ordinary runtime too."""
    with af.Runtime(":memory:", [collecting, collecting_on_a_thread]) as rt:
        for node in (collecting, collecting_on_a_thread):
            run = rt.start(node, 2)
            for number in (1, 2):
                run.signal("number", number)
            assert run.result(timeout=20) == [2, 4]


def test_a_handlers_failed_child_is_the_failure() -> None:
    """As if the node had run it itself."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        ctx.on_signal("x", lambda _: ctx.run(refuse, "no"))
        await ctx.wait_signal("never")

    with runtime(node) as rt:
        run = rt.start(node)
        run.signal("x")
        error = run.wait().error
    assert error is not None
    assert error.address == "main/node/refuse#1:2"
