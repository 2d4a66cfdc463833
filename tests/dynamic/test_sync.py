"""Dynamic nodes that are plain functions, with calls that block."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, World, addresses, double, refuse, survives


@af.dynamic
def straight(ctx: af.Context, n: int) -> list[Any]:
    """Use everything there is."""
    first = ctx.run(double, n)
    mapped = ctx.map(double, [first, 1])
    ctx.sleep(3_600)
    plan = ctx.record("plan", lambda: [first])
    ctx.emit({"plan": plan})
    new = ctx.patched("v2")
    word = ctx.wait_signal("word")
    try:
        ctx.wait_signal("never", timeout=60)
    except TimeoutError:
        late = True
    try:
        ctx.run(refuse, "no")
    except af.NodeFailed as error:
        why = error.cause.message
    chance = ctx.random.random() == ctx.random.random()
    return [first, mapped, plan, new, word, late, why, chance]  # type: ignore[possibly-undefined]


def test_everything_blocks_and_survives() -> None:
    """A function with blocking calls survives a crash at every write."""
    output = survives(straight, inputs={"n": 2}, signals={"word": "w"})
    assert output == [4, [8, 2], [4], True, "w", True, "no", False]


def test_on_real_threads() -> None:
    """In an ordinary runtime the function has a thread of its own."""

    @af.dynamic
    def node(ctx: af.Context) -> Any:
        here = threading.current_thread().name
        return [here, ctx.run(double, 2), ctx.map(double, range(3))]

    with af.Runtime(":memory:", [node]) as rt:
        assert rt.start(node).result(timeout=20) == [
            "actorflow-node main/node",
            4,
            [0, 2, 4],
        ]


def test_nodes_do_not_use_up_the_threads_of_activities() -> None:
    """Many functions that wait leave room for what they wait for."""

    @af.dynamic
    def inner(ctx: af.Context, n: int) -> int:
        return int(ctx.run(double, n))

    @af.dynamic
    def node(ctx: af.Context) -> int:
        return sum(ctx.map(inner, range(20)))

    with af.Runtime(":memory:", [node], threads=1) as rt:
        assert rt.start(node).result(timeout=30) == 380


def test_results_of_the_annotated_type() -> None:
    """The function's own annotation says how its result is written."""

    @af.dynamic
    def node(ctx: af.Context) -> tuple[int, int]:
        return (1, ctx.run(double, 1))

    with runtime(node) as rt:
        assert rt.start(node).result() == (1, 2)


def test_the_thread_ends_when_the_node_leaves_memory() -> None:
    """Passivation unwinds the function; it comes back on another thread."""
    counted = Counted()
    work = counted.activity("work")
    unwound = threading.Event()

    @af.dynamic
    def node(ctx: af.Context) -> Any:
        first = ctx.run(work, 1)
        try:
            return [first, ctx.wait_signal("word")]
        finally:
            unwound.set()

    with af.Runtime(":memory:", [node], passivate_after=0.05) as rt:
        run = rt.start(node)
        assert run.wait(timeout=20).status == "suspended"
        assert unwound.wait(20)
        run.signal("word", "hello")
        assert run.result(timeout=20) == [1, "hello"]
    assert counted.calls == {"work": 1}


def test_a_closed_runtime_lets_go_of_its_threads() -> None:
    """After the `with` block no thread of a node is left waiting."""
    unwound = threading.Event()

    @af.dynamic
    def node(ctx: af.Context) -> None:
        try:
            ctx.wait_signal("never")
        finally:
            unwound.set()

    with af.Runtime(":memory:", [node]) as rt:
        rt.start(node).wait(timeout=20)
    assert unwound.wait(20)


def test_a_failure_is_the_functions_own() -> None:
    """What it raises fails the node, as it does a coroutine."""

    @af.dynamic
    def node(ctx: af.Context) -> None:
        ctx.run(double, 1)
        raise KeyError("mine")

    with runtime(node) as rt, pytest.raises(af.ExecutionFailed, match="mine"):
        rt.start(node).result()


def test_what_cannot_be_recorded_is_refused() -> None:
    """The error is raised in the function's own line."""

    @af.dynamic
    def node(ctx: af.Context) -> str:
        with pytest.raises(af.UnrecordableError):
            ctx.run(double, object())
        return "went on"

    with runtime(node) as rt:
        assert rt.start(node).result() == "went on"


def test_retry_repeats_only_what_failed() -> None:
    """As in a coroutine."""
    counted = Counted(failing={"b": 1})
    a, b = counted.activity("a"), counted.activity("b")

    @af.dynamic
    def node(ctx: af.Context) -> Any:
        return [ctx.run(a), ctx.run(b)]

    world = World()
    with world.process(node) as rt:
        assert rt.start(node, execution_id="n").wait().status == "failed"
    with world.process(node) as rt:
        rt.retry("n")
        assert rt.get("n").result() == ["a", "b"]
    assert counted.calls == {"a": 1, "b": 2}


def test_changed_code_is_found_out() -> None:
    """A function is compared with its log like a coroutine."""

    @af.dynamic(name="node")
    def old(ctx: af.Context) -> None:
        ctx.run(double, 1)
        ctx.wait_signal("go")

    @af.dynamic(name="node")
    def new(ctx: af.Context) -> None:
        ctx.run(double, 2)
        ctx.wait_signal("go")

    world = World()
    with world.process(old) as rt:
        rt.start(old, execution_id="n").wait()
    with world.process(new) as rt:
        rt.signal("n", "go")
        error = rt.get("n").wait().error
    assert error is not None
    assert error.details["got"] == "double(2)"


def test_the_two_kinds_call_each_other() -> None:
    """Functions and coroutines are the same kind of node."""

    @af.dynamic
    def inner(ctx: af.Context, n: int) -> int:
        return int(ctx.run(double, n))

    @af.dynamic
    async def middle(ctx: af.Context) -> list[int]:
        return list(await asyncio.gather(*(ctx.run(inner, n) for n in range(3))))

    @af.dynamic
    def node(ctx: af.Context) -> Any:
        return ctx.run(middle)

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == [0, 2, 4]
        assert "main/node/middle#1/inner#2/double#1" in addresses(run)
    assert survives(node) == [0, 2, 4]
