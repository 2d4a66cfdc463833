"""What was run to write the logs beside this file.

Never change one: its executions are in logs that are years old. Add another.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs

import actorflow as af


def double(x: int) -> int:
    """Return twice the value."""
    return x * 2


def add(x: int, y: int) -> int:
    """Return the sum."""
    return x + y


def refuse() -> None:
    """Fail."""
    raise PermissionError("no")


def caught(error: dict[str, Any]) -> str:
    """Return the class of a caught failure."""
    return str(error["type"])


@af.activity(retry=af.Retry(max_attempts=3, initial=5, jitter=0))
def third_time(ctx: af.ActivityContext) -> int:
    """Fail twice."""
    if ctx.attempt < 3:
        raise ConnectionError("not yet")
    return ctx.attempt


@af.activity
def agent(ctx: af.ActivityContext) -> list[object]:
    """Record, report, emit, and wait in the middle."""
    plan = ctx.record("plan", lambda: "the plan")
    ctx.progress(1, total=2, message="planned")
    ctx.emit({"plan": plan})
    return [plan, ctx.wait_signal("advice", timeout=3_600)]


def give_back(result: int) -> int:
    """Undo."""
    return -result


@af.activity(compensate=give_back)
def take(x: int) -> int:
    """Do what can be undone."""
    return x


GRAPH = af.Workflow(
    "graph",
    inputs=[af.Input("x"), af.Input("limit", default=10)],
    steps=[
        af.Step(
            "start",
            activity=double,
            parameters={"x": "${inputs.x}"},
            store="twice",
            next=[
                af.Edge("tries", when="state.twice < inputs.limit", branch="tries"),
                af.Edge("fails", branch="fails"),
                af.Edge("meet", branch="final"),
            ],
        ),
        af.Step("tries", activity=third_time, store="tries", next=[af.Edge("agent")]),
        af.Step("agent", activity=agent, store="advice"),
        af.Step(
            "fails",
            activity=refuse,
            catch=[af.Catch(on=["all"], goto="caught", store="error")],
        ),
        af.Step(
            "caught",
            activity=caught,
            parameters={"error": "${state.error}"},
            store="caught",
            next=[af.Edge("sleep")],
        ),
        af.Step("sleep", sleep=60, next=[af.Edge("look")]),
        af.Step("look", pause="have a look", next=[af.Edge("seen")]),
        af.Step("seen", activity=double, parameters={"x": 4}),
        af.Step(
            "meet",
            join=af.Join(
                branches=["tries", "fails"],
                mappings={"tries.advice": "advice", "fails.caught": "caught"},
            ),
        ),
    ],
    outputs=[af.Output("advice", branch="final"), af.Output("caught", branch="final")],
)

ITEM = (
    af.Flow("item", inputs=["x"])
    .when("x == 1")
    .sleep(30)
    .otherwise()
    .wait_signal("item-${x}", into="heard")
    .end()
    .then(double)
    .output("double")
)
SLOW = af.Flow("slow", inputs=["x"]).sleep(5).then(double).output("double")
FLOW = (
    af.Flow("everything", inputs=["x"])
    .map("items", ITEM, over=[1, 2], max_concurrency=2)
    .map("plain", double, over=range(3), max_concurrency=1)
    .parallel("both", double, SLOW)
    .loop("count", double, until="result >= 8", input="x")
    .route("'small' if count < 100 else 'large'", {"small": double, "large": double})
    .gate("fine", timeout=600)
    .then(add, input={"x": "${count}", "y": "${both.double}"})
    .output("add", "items", "plain")
)

SAGA = (
    af.Flow("saga", inputs=["x"])
    .then(take, into="first")
    .map("more", take, over=[1, 2], max_concurrency=1)
    .then(refuse)
)


@af.dynamic
async def node(ctx: af.Context, x: int) -> dict[str, Any]:
    """Gather, sleep, map, ask, emit, wait, patch; catch a failure."""
    first, second = await asyncio.gather(ctx.run(double, x), ctx.run(add, x, 1))
    await ctx.emit({"first": first})
    await asyncio.sleep(10)  # noqa: TID251 - durable, inside a dynamic node
    mapped = await ctx.map(double, [1, 2, 3], max_concurrency=2)
    answer = await ctx.ask("More?", schema=int, id="more")
    late, failed = False, ""
    try:
        await ctx.wait_signal("never", timeout=20)
    except TimeoutError:
        late = True
    try:
        await ctx.run(refuse)
    except af.NodeFailed as error:
        failed = type(error).__name__
    patched = ctx.patched("v2")
    return {
        "sum": first + second + answer,
        "mapped": mapped,
        "late": late,
        "failed": failed,
        "patched": patched,
    }


@attrs.frozen
class Run:
    """One execution: of what, with what, and what the outside has for it."""

    definition: Any
    inputs: dict[str, Any]
    signals: dict[str, Any] = attrs.field(factory=dict)
    answers: dict[str, Any] = attrs.field(factory=dict)


RUNS = {
    "graph": Run(GRAPH, {"x": 2}, {"advice": "do it"}),
    "everything": Run(FLOW, {"x": 1}, {"item-2": "heard"}, {"fine": True}),
    "saga": Run(SAGA, {"x": 7}),
    "node": Run(node, {"x": 4}, {}, {"more": 5}),
}
