"""Retries and timeouts of dynamic nodes, wherever they are run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import Replayer, runtime
from tests.dynamic.helpers import Counted, World, addresses, double, echo, survives

TWICE = af.Retry(max_attempts=3, initial=10)


def _flaky(counted: Counted, **settings: Any) -> Any:
    """Return a node that fails as long as what it calls does."""
    once = counted.activity("once")

    @af.dynamic
    async def flaky(ctx: af.Context, x: int = 0) -> int:
        await ctx.emit(x)
        await ctx.run(once, x)
        return x

    return flaky.options(**settings)


WAYS = ["run", "map", "step", "items", "arm", "body", "way"]


def _flow(way: str, flaky: Any) -> Any:
    flow = af.Flow(way)
    if way == "step":
        return flow.then(flaky, input={"x": 7}, into="out").output("out")
    if way == "items":
        return flow.map("out", flaky, over=[7]).output("out")
    if way == "arm":
        return flow.parallel("out", flaky, input={"x": 7}).output("out")
    if way == "body":
        until = lambda i, prev, new: True  # noqa: E731
        return flow.loop("out", flaky, until=until, input=7).output("out")
    return flow.route(lambda s: "a", {"a": flaky}, into="out", input={"x": 7})


def _node(way: str, flaky: Any) -> Any:
    if way not in ("run", "map"):
        return _flow(way, flaky).build()

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await (ctx.run(flaky, 7) if way == "run" else ctx.map(flaky, [7]))

    return node


@pytest.mark.parametrize("way", WAYS)
def test_a_node_is_run_again_wherever_it_is(way: str) -> None:
    """Called, mapped, a step, an arm, a loop's body: after the pauses asked for."""
    counted = Counted(failing={"once": 2})
    world = World()
    definition = _node(way, _flaky(counted, retry=TWICE))
    with world.process(definition) as rt:
        run = rt.start(definition, execution_id="n")
        began = rt.clock.time()
        run.result()
        assert counted.calls["once"] == 3
        assert rt.clock.time() - began == 30
        assert list(run.emitted()) == [7, 7, 7]
    log = MemoryLog(store=world.store, clock=world.clock.time)
    assert Replayer(log).check(definition) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_node_has_a_time_limit_wherever_it_is(way: str) -> None:
    """What it has called is left, and it has failed by a timeout of its own."""

    @af.dynamic
    async def slow(ctx: af.Context, x: int = 0) -> int:
        await asyncio.gather(ctx.wait_signal("never"), asyncio.sleep(10 + x))
        return x

    definition = _node(way, slow.options(timeout=10))
    world = World()
    with world.process(definition) as rt:
        run = rt.start(definition, execution_id="n")
        began = rt.clock.time()
        error = run.wait().error
        if error is None:
            rt.clock.advance(10)
            error = run.wait().error
        assert error is not None
        assert (error.type, error.message) == ("timeout", "no result within 10 s")
        assert rt.clock.time() - began == 10
    log = MemoryLog(store=world.store, clock=world.clock.time)
    assert Replayer(log).check(definition) == 1


def test_a_policy_that_is_used_up_fails_the_node() -> None:
    """After the last try its failure is raised; `retry` begins to count anew."""
    counted = Counted(failing={"once": 4})
    node = _node("map", _flaky(counted, retry=TWICE))
    with runtime(node) as rt:
        run = rt.start(node)
        assert run.wait().status == "failed"
        assert counted.calls["once"] == 3
        rt.retry(run.id)
        assert run.result() == [7]
        assert counted.calls["once"] == 5


def test_policies_look_at_the_failure() -> None:
    """A failure that no policy covers is not retried, nor one of the arguments."""

    @af.dynamic
    async def bad(ctx: af.Context, x: int) -> None:
        raise ValueError(x)

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        picky = bad.options(retry=af.Retry(on=ConnectionError))
        unfit = bad.options(retry=af.Retry())
        calls = [ctx.run(picky, 1), ctx.run(unfit)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        return [e.cause.message for e in errors if isinstance(e, af.NodeFailed)]

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == ["1", "parameter 'x' is not given"]
        assert addresses(run, "AttemptFailed") == []


def test_a_step_may_set_the_policy() -> None:
    """As with activities, what the step says replaces what the node says."""
    counted = Counted(failing={"once": 1})
    flaky = _flaky(counted, retry=af.Retry(max_attempts=1))
    step = af.Step("out", dynamic=flaky, store="out", retry=[TWICE], timeout=60)
    workflow = af.Workflow(name="w", steps=[step], result="out")
    with runtime(workflow) as rt:
        assert rt.start(workflow).result() == 0


def test_attempts_survive_crashes() -> None:
    """Wherever the process dies, in a pause too, the attempts go on as they would."""

    @af.dynamic
    async def inner(ctx: af.Context, x: int) -> int:
        await ctx.map(double, [1, 2])
        tried = await ctx.run(echo, x)
        await asyncio.sleep(100 if tried == 1 else 1)
        raise ConnectionError("down")

    @af.dynamic
    def blocking(ctx: af.Context) -> None:
        ctx.run(double, 1)
        ctx.sleep(100)

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        twice = af.Retry(max_attempts=2, initial=5)
        began, result = ctx.now(), []
        for each in (inner, blocking):
            try:
                args = (1,) if each is inner else ()
                await ctx.run(each.options(retry=twice, timeout=20), *args)
            except af.NodeFailed as error:
                after = (ctx.now() - began).total_seconds()
                result.append([error.cause.type, after])
        return result

    assert survives(node) == [["timeout", 45.0], ["timeout", 90.0]]


def test_time_spent_paused_does_not_count() -> None:
    """Neither against a node's timeout, nor against the pause before a retry."""
    counted = Counted(failing={"once": 1})
    flaky = _flaky(counted, retry=TWICE)

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        await ctx.run(flaky)
        return await ctx.wait_signal("go")

    node = node.options(timeout=60)
    with runtime(node) as rt:
        rt.start(node, execution_id="n")
        rt.clock.advance(5)
        rt.pause("n")
        rt.clock.advance(1_000)
        assert counted.calls["once"] == 1
        rt.resume("n")
        rt.clock.advance(5)
        assert counted.calls["once"] == 2
        rt.clock.advance(49)
        rt.signal("n", "go", 1)
        assert rt.get("n").result() == 1


def test_a_node_that_waits_for_its_time_limit_leaves_memory() -> None:
    """The end of its time wakes it."""

    @af.dynamic
    async def waiting(ctx: af.Context) -> Any:
        return await ctx.wait_signal("go")

    definition = waiting.options(timeout=3_600)
    with runtime(definition, passivate_after=1.0) as rt:
        run = rt.start(definition)
        suspension = run.wait().suspension
        assert suspension is not None
        assert suspension.wake_at == rt.clock.time() + 3_600
        rt.clock.advance(10)
        rt.clock.advance(3_600)
        error = run.wait().error
        assert error is not None
        assert error.type == "timeout"


def test_after_a_timeout_a_retry_repeats_what_was_open() -> None:
    """What had ended is kept; what was left is made anew."""
    counted = Counted()
    first = counted.activity("first")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        await ctx.run(first)
        return await ctx.wait_signal("go")

    definition = node.options(timeout=10)
    with runtime(definition) as rt:
        run = rt.start(definition)
        run.wait()
        rt.clock.advance(10)
        assert run.wait().status == "failed"
        rt.retry(run.id)
        run.signal("go", "on")
        assert run.result() == "on"
        assert counted.calls["first"] == 1


def test_values_on_their_way_come_before_the_end_of_the_time() -> None:
    """What a node has yielded is recorded before its timeout is."""

    @af.dynamic
    async def talks(ctx: af.Context) -> None:
        for n in range(100):
            await ctx.emit(n)
        await ctx.wait_signal("never")

    definition = talks.options(timeout=10, retry=af.Retry(max_attempts=2, initial=1))
    with runtime(definition) as rt:
        run = rt.start(definition)
        run.wait()
        rt.clock.advance(10)
        rt.clock.advance(10)
        run.wait()
        rt.clock.advance(10)
        assert run.wait().status == "failed"
        assert list(run.emitted()) == [*range(100), *range(100)]
