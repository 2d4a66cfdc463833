"""Failures of children: what the node sees, what the log says, what a retry repeats."""

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
    double,
    echo,
    kinds,
    refuse,
    survives,
)


def test_a_failed_child_raises_what_failed_where_and_why() -> None:
    """`NodeFailed` names the address and the node, and carries the failure."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            await ctx.run(refuse, "not today")
        except af.NodeFailed as error:
            exceptions = error.cause.exceptions[0]
            return [error.address, error.node, error.cause.message, exceptions]
        return None

    assert survives(node) == [
        "main/node/refuse#1",
        "refuse",
        "not today",
        "builtins:PermissionError",
    ]


def test_an_uncaught_failure_is_that_of_the_child() -> None:
    """The execution fails with the child's failure, not with one about it."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.run(refuse, "not today")

    with runtime(node) as rt:
        error = rt.start(node).wait().error
    assert error is not None
    assert (error.address, error.node) == ("main/node/refuse#1", "refuse")
    assert error.message == "not today"


def test_a_nodes_own_failure_is_recorded() -> None:
    """What the code itself raises fails the node, with traceback and address."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.run(double, 1)
        raise KeyError("mine")

    with runtime(node) as rt:
        error = rt.start(node).wait().error
    assert error is not None
    assert error.address == "main/node"
    assert error.exceptions[0] == "builtins:KeyError"
    assert error.traceback is not None
    assert "raise KeyError" in error.traceback


def test_an_error_beats_an_open_question() -> None:
    """A node that fails while it also asks has failed; its question is closed."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(ctx.ask("Really?", id="q", schema=bool))
            tg.create_task(ctx.run(refuse))

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.wait().status == "failed"
        assert rt.questions() == []


def test_the_failures_of_a_group_are_its_causes() -> None:
    """A failure made of several keeps them all, each with its address."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        async with asyncio.TaskGroup() as tg:
            for n in range(3):
                tg.create_task(ctx.run(refuse, f"no {n}"))

    with runtime(node) as rt:
        error = rt.start(node).wait().error
    assert error is not None
    assert [cause.address for cause in error.causes][:1] == ["main/node/refuse#1"]


def test_an_exception_nobody_can_import_is_recorded() -> None:
    """A class that exists only here, whose message cannot be made, is no trouble."""

    class Hostile(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("no message")

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        raise Hostile

    with runtime(node) as rt:
        error = rt.start(node).wait().error
    assert error is not None
    assert error.message == "Hostile"


def test_a_childs_own_policy_retries_it() -> None:
    """Retries and timeouts of an activity hold when a node calls it."""
    counted = Counted(failing={"flaky": 2})
    flaky = counted.activity("flaky").options(retry=af.Retry(max_attempts=3, initial=5))

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        before = ctx.now()
        result = await ctx.run(flaky)
        return [result, (ctx.now() - before).total_seconds()]

    with runtime(node) as rt:
        assert rt.start(node).result() == ["flaky", pytest.approx(15)]
    assert counted.calls == {"flaky": 3}


def test_arguments_that_do_not_fit_fail_the_child() -> None:
    """Inputs are checked as for any activity; the body is not entered."""
    counted = Counted()
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            await ctx.run(work, y=1)
        except af.NodeFailed as error:
            return error.cause.type
        return None

    with runtime(node) as rt:
        assert rt.start(node).result() == "invalid_input"
    assert counted.calls == {}


def test_retry_repeats_only_what_failed() -> None:
    """Children that had ended well are not run again, those that failed are."""
    counted = Counted(failing={"c": 1})
    a, b, c = (counted.activity(name) for name in "abc")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        first = await ctx.run(a)
        rest = await asyncio.gather(ctx.run(b), ctx.run(c))
        return [first, *rest]

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.wait().status == "failed"
        rt.retry(run.id)
        assert run.result() == ["a", "b", "c"]
    assert counted.calls == {"a": 1, "b": 1, "c": 2}


def test_retry_in_another_process() -> None:
    """The same after a restart, from the log alone."""
    counted = Counted(failing={"c": 1})
    a, c = counted.activity("a"), counted.activity("c")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return [await ctx.run(a), await ctx.run(c)]

    world = World()
    with world.process(node) as rt:
        assert rt.start(node, execution_id="n").wait().status == "failed"
    with world.process(node) as rt:
        rt.retry("n")
        assert rt.get("n").result() == ["a", "c"]
    assert counted.calls == {"a": 1, "c": 2}


def test_retry_leaves_alone_what_was_caught() -> None:
    """A failure that the node has dealt with stays dealt with."""
    counted = Counted(failing={"caught": 1, "fatal": 1})
    caught, fallback, fatal = map(counted.activity, ("caught", "fallback", "fatal"))

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            first = await ctx.run(caught)
        except af.NodeFailed:
            first = await ctx.run(fallback)
        return [first, await ctx.run(fatal)]

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.wait().status == "failed"
        rt.retry(run.id)
        assert run.result() == ["fallback", "fatal"]
    assert counted.calls == {"caught": 1, "fallback": 1, "fatal": 2}


def test_retry_of_a_group_runs_again_what_it_had_cancelled() -> None:
    """Siblings that were left because of the failure are waited for this time."""
    counted = Counted(failing={"bad": 1})
    bad, good = counted.activity("bad"), counted.activity("good")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        async def later() -> Any:
            await asyncio.sleep(10)
            return await ctx.run(good)

        async with asyncio.TaskGroup() as tg:
            one = tg.create_task(ctx.run(bad))
            two = tg.create_task(later())
        return [one.result(), two.result()]

    world = World()
    with world.process(node) as rt:
        assert rt.start(node, execution_id="n").wait().status == "failed"
    with world.process(node) as rt:
        rt.retry("n")
        assert rt.get("n").result() == ["bad", "good"]
    assert counted.calls == {"bad": 2, "good": 1}


def test_retry_finds_the_failure_behind_an_exception_of_its_own() -> None:
    """A failure that the node has wrapped is still what is run again."""
    counted = Counted(failing={"bad": 1})
    good, bad = counted.activity("good"), counted.activity("bad")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        await ctx.run(good)
        try:
            return await ctx.run(bad)
        except af.NodeFailed as error:
            raise RuntimeError("could not do it") from error

    with runtime(node) as rt:
        run = rt.start(node)
        assert "could not do it" in str(run.wait().error)
        rt.retry(run.id)
        assert run.result() == "bad"
    assert counted.calls == {"good": 1, "bad": 2}


def test_what_a_failure_led_to_is_not_run_again() -> None:
    """A refund that was made before the node failed is not made twice."""
    counted = Counted(failing={"ship": 2})
    ship, refund = counted.activity("ship"), counted.activity("refund")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            return await ctx.run(ship)
        except af.NodeFailed:
            await ctx.run(refund)
            raise

    with runtime(node) as rt:
        run = rt.start(node)
        for _ in range(2):
            assert run.wait().status == "failed"
            rt.retry(run.id)
        assert run.result() == "ship"
    assert counted.calls == {"ship": 3, "refund": 1}


def test_after_a_retry_the_node_may_take_another_way() -> None:
    """What was called only because of the failure need not be called again."""
    counted = Counted(failing={"ship": 1})
    ship, refund, bill = map(counted.activity, ("ship", "refund", "bill"))

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            await ctx.run(ship)
        except af.NodeFailed:
            await ctx.run(refund)
            raise
        return [await ctx.run(bill), await ctx.run(bill, "twice")]

    world = World()
    with world.process(node) as rt:
        assert rt.start(node, execution_id="n").wait().status == "failed"
    with world.process(node) as rt:
        rt.retry("n")
        assert rt.get("n").result() == ["bill", "twice"]
    assert counted.calls == {"ship": 2, "refund": 1, "bill": 2}


def test_retry_goes_into_what_has_parts() -> None:
    """Of a nested node, a map or a flow, only the part that failed runs again."""
    counted = Counted(failing={"c": 3})
    a, c = counted.activity("a"), counted.activity("c")
    flow = af.Flow("flow").then(a, input={}).then(c, input={}, name="c").output("c")

    @af.activity(name="item")
    def item(x: int) -> int:
        counted.calls["item"] = counted.calls.get("item", 0) + 1
        if counted.calls["item"] == 2:
            raise ValueError("second")
        return x

    @af.dynamic
    async def inner(ctx: af.Context) -> Any:
        return [await ctx.run(a), await ctx.run(c)]

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        nested = await ctx.run(inner)
        mapped = await ctx.map(item, [1, 2, 3])
        flowed = await ctx.run(flow)
        return [nested, mapped, flowed]

    world = World()
    with world.process(node) as rt:
        rt.start(node, execution_id="n").wait()
    for _ in range(5):
        with world.process(node) as rt:
            if rt.get("n").wait().status == "completed":
                break
            rt.retry("n")
            rt.get("n").wait()
    with world.process(node) as rt:
        assert rt.get("n").result() == [["a", "c"], [1, 2, 3], "c"]
    assert counted.calls == {"a": 2, "c": 5, "item": 4}


def test_a_wait_that_was_too_long_can_be_retried() -> None:
    """A timeout that nobody caught is what failed; a retry waits again."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.wait_signal("word", timeout=10)

    with runtime(node) as rt:
        run = rt.start(node)
        rt.clock.advance(11)
        error = run.wait().error
        assert error is not None
        assert error.type == "timeout"
        rt.retry(run.id)
        run.signal("word", "hello")
        assert run.result() == "hello"


def test_a_step_catches_the_failure_of_its_node() -> None:
    """A dynamic step has `catch` like any other."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.run(refuse, "not today")

    @af.activity
    def tell(error: dict[str, Any]) -> str:
        return str(error["message"])

    wf = af.Workflow(
        "wf",
        steps=[
            af.Step(
                "try",
                dynamic=node,
                catch=[af.Catch(on="all", goto="tell", store="error")],
            ),
            af.Step(
                "tell",
                activity=tell,
                parameters={"error": "${state.error}"},
                store="told",
            ),
        ],
        outputs=[af.Output("told")],
    )
    with runtime(wf) as rt:
        assert rt.start(wf).result() == {"told": "not today"}


def test_every_failure_is_in_the_log_in_its_place() -> None:
    """Also those that the node has caught."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        try:
            await ctx.run(refuse)
        except af.NodeFailed:
            return "caught"
        return "?"

    with runtime(node) as rt:
        run = rt.start(node)
        run.result()
        assert addresses(run, "ActivationFailed") == ["main/node/refuse#1"]
        assert kinds(run.history())[-1] == "ExecutionCompleted"


def test_a_caught_failure_takes_no_signals() -> None:
    """A wait inside a part that failed is over for signals as well."""
    waits = af.Flow("waits").parallel("both", refuse, echo, input={}).output("both")

    @af.dynamic
    async def inner(ctx: af.Context) -> None:
        task = asyncio.create_task(ctx.wait_signal("word"))
        await ctx.run(refuse)
        await task

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        for child in (inner, waits):
            with pytest.raises(af.NodeFailed):
                await ctx.run(child)
        return await ctx.wait_signal("word")

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.wait().status == "suspended"
        run.signal("word", "mine")
        assert run.result() == "mine"
