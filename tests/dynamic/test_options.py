"""What a call may be given by `node.options(...)`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import Counted, World, double, echo, survives


@af.activity
def where(ctx: af.ActivityContext) -> str:
    """Return what it was set apart under."""
    return ctx.branch


@af.dynamic
async def below(ctx: af.Context) -> list[str]:
    """Tell where it is, and where its children are."""
    mine = await ctx.run(where)
    sub = await ctx.run(where.options(branch="sub"))
    named = await ctx.run(where.options(branch="o"))
    return [ctx.branch, mine, sub, named]


def test_calls_are_set_apart_by_branch() -> None:
    """A sub-branch is named by node and call; a name takes the place of what was."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        plain = await ctx.run(below)
        sub = await ctx.run(below.options(branch="sub"))
        named = await ctx.run(below.options(branch="o", key="k"))
        return [plain, sub, named]

    assert survives(node) == [
        ["", "", "where@2", "o"],
        ["below@2", "below@2", "below@2.where@2", "o"],
        ["o", "o", "o.where@2", "o"],
    ]


def test_what_lies_in_a_branch_inherits_it() -> None:
    """Through flows, maps and functions, after restarts too."""
    flow = af.Flow("flow").then(where, into="where").output("where")

    @af.dynamic
    def function(ctx: af.Context, x: int) -> list[str]:
        return [ctx.branch, ctx.run(where)]

    @af.dynamic
    async def middle(ctx: af.Context) -> Any:
        await ctx.wait_signal("go")
        return [await ctx.run(flow), await ctx.map(function, [1])]

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.run(middle.options(branch="apart"))

    world = World()
    with world.process(node) as rt:
        rt.start(node, execution_id="n").wait()
    with world.process(node) as rt:
        rt.signal("n", "go")
        assert rt.get("n").result() == ["apart", [["apart", "apart"]]]


def test_the_output_of_a_child_is_the_nodes() -> None:
    """With ``as_output`` the node returns nothing; null is an output as well."""

    @af.dynamic
    async def node(ctx: af.Context, x: Any) -> None:
        await ctx.run(double, 1)
        await ctx.run(echo.options(as_output=True), x)

    assert survives(node, inputs={"x": [1, {"a": 2}]}) == [1, {"a": 2}]
    assert survives(node, inputs={"x": None}) is None


def test_outputs_are_passed_on_through_many() -> None:
    """Nodes may hand the output on from level to level."""

    @af.dynamic
    async def inner(ctx: af.Context) -> None:
        await ctx.map(double.options(as_output=True), [1, 2])

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.run(inner.options(as_output=True))

    assert survives(node) == [2, 4]


def test_there_is_one_output() -> None:
    """A second call for it, or a result beside it, is an error."""

    @af.dynamic
    async def two(ctx: af.Context) -> None:
        await ctx.run(echo.options(as_output=True), 1)
        await ctx.run(echo.options(as_output=True), 2)

    @af.dynamic
    async def beside(ctx: af.Context) -> int:
        await ctx.run(echo.options(as_output=True), 1)
        return 2

    with runtime(two, beside) as rt:
        for node in (two, beside):
            error = rt.start(node).wait().error
            assert error is not None
            assert error.type == "output"


def test_the_same_call_may_be_the_output_twice() -> None:
    """A call with a key is one call."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        keyed = echo.options(as_output=True, key="k")
        await ctx.run(keyed, 7)
        await ctx.run(keyed, 7)

    assert survives(node) == 7


def test_after_a_failure_another_call_may_be_the_output() -> None:
    """A call that failed has no claim any more."""
    counted = Counted(failing={"first": 1})
    first = counted.activity("first").options(as_output=True)

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        try:
            await ctx.run(first)
        except af.NodeFailed:
            await ctx.run(echo.options(as_output=True), "second")

    with runtime(node) as rt:
        assert rt.start(node).result() == "second"


def test_a_node_has_a_time_limit() -> None:
    """A node that takes too long is left, and its call has failed by timeout."""

    @af.dynamic
    async def slow(ctx: af.Context) -> None:
        await asyncio.sleep(100)

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            await ctx.run(slow.options(timeout=10))
        except af.NodeFailed as error:
            return [error.cause.type, error.node]

    assert survives(node) == ["timeout", "slow"]


def test_a_function_may_give_options_as_well() -> None:
    """A ``def`` node's calls take the same options."""

    @af.dynamic
    def slow(ctx: af.Context) -> None:
        ctx.sleep(100)

    @af.dynamic
    def node(ctx: af.Context) -> Any:
        try:
            ctx.run(slow.options(timeout=10))
        except af.NodeFailed:
            ctx.run(echo.options(as_output=True, branch="b"), "late")

    assert survives(node) == "late"


def test_unknown_options_are_refused() -> None:
    """The error tells which there are; a setting without meaning is refused too."""

    @af.dynamic
    async def node(ctx: af.Context) -> None: ...

    with pytest.raises(af.DefinitionError, match=r"no option 'tiemout'.*timeout"):
        node.options(tiemout=1)
    with pytest.raises(af.DefinitionError, match="timeout must be positive"):
        node.options(timeout=0)
    with pytest.raises(af.DefinitionError, match="max_attempts"):
        node.options(retry=af.Retry(max_attempts=0))
