"""Every kind of step survives the death of the process at every write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

import actorflow as af
from actorflow.testing import Simulation
from tests.flows.helpers import boom, double, echo, increment, returning

SEEDS = (0, 1, 2, 7, 42)


@attrs.frozen
class Example:
    """What is simulated."""

    flow: af.Flow
    inputs: dict[str, Any] = attrs.field(factory=dict)
    signals: dict[str, Any] = attrs.field(factory=dict)


def item_flow() -> af.Flow:
    """Make an item that works, sleeps or waits, and works again."""
    return (
        af.Flow("item", inputs=["n"])
        .then(double, input={"value": "${n}"}, into="twice")
        .when("n == 1")
        .sleep(60)
        .otherwise()
        .wait_signal("go-${n}", into="signal")
        .end()
        .then(increment, input={"value": "${twice}"}, into="r")
        .output("r")
    )


def unless_two(n: int) -> int:
    """Return *n*, or fail if it is two."""
    if n == 2:
        raise ValueError("two is bad")
    return n


def sequence() -> Example:
    """Steps, one after the other."""
    flow = (
        af.Flow("f", inputs=["value"])
        .then(double)
        .sleep(60)
        .wait_signal("go", into="go")
        .pause("look")
        .then(echo, input={"value": "${go}"})
        .output("double", "echo")
    )
    return Example(flow, inputs={"value": 2}, signals={"go": "now"})


def parallel() -> Example:
    """Arms that work, sleep and wait."""
    flow = (
        af.Flow("f", inputs=["value"])
        .parallel(
            "p",
            double,
            af.Flow("sleeps").sleep(60).then(returning("x", 1)).output("x"),
            af.Flow("waits").wait_signal("go", into="x").output("x"),
        )
        .output("p")
    )
    return Example(flow, inputs={"value": 2}, signals={"go": "now"})


def parallel_that_fails() -> Example:
    """One of three arms fails, after the others are done."""
    flow = af.Flow("f", inputs=["value"]).parallel("p", double, boom, increment)
    return Example(flow, inputs={"value": 2})


def parallel_that_continues() -> Example:
    """One of three arms fails, and that is a result."""
    flow = (
        af.Flow("f", inputs=["value"])
        .parallel("p", double, boom, increment, on_error="continue")
        .map("oks", ok_of, over=lambda s: list(s["p"].values()))
        .output("oks")
    )
    return Example(flow, inputs={"value": 2})


def parallel_that_fails_fast() -> Example:
    """The failure of one arm cancels the others."""
    flow = af.Flow("f").parallel(
        "p",
        af.Flow("waits").wait_signal("never"),
        boom,
        af.Flow("sleeps").sleep("365d"),
        on_error="fail_fast",
    )
    return Example(flow)


def ok_of(outcome: af.Outcome) -> bool:
    """Return whether it went well."""
    return outcome.ok


def map_of_activities() -> Example:
    """Simple items, with a limit."""
    flow = af.Flow("f").map("m", double, over=range(6), max_concurrency=2).output("m")
    return Example(flow)


def map_one_after_the_other() -> Example:
    """Simple items, strictly sequential."""
    flow = af.Flow("f").map("m", double, over=range(4), max_concurrency=1).output("m")
    return Example(flow)


def map_with_retries() -> Example:
    """Items that fail at first."""

    def flaky(n: int, ctx: af.ActivityContext) -> int:
        if ctx.attempt <= n:
            raise ConnectionError("not yet")
        return n

    flow = af.Flow("f").map(
        "m", flaky, over=range(3), retry=af.Retry(max_attempts=3, jitter=0)
    )
    return Example(flow.output("m"))


def map_of_flows() -> Example:
    """Items that sleep or wait."""
    flow = af.Flow("f").map("m", item_flow(), over=[0, 1, 2]).output("m")
    return Example(flow, signals={"go-0": 1, "go-2": 1})


def map_that_fails() -> Example:
    """Some items fail."""
    return Example(af.Flow("f").map("m", unless_two, over=[1, 2, 3, 2]))


def map_of_maps() -> Example:
    """A map whose items are maps."""
    row = af.Flow("row", inputs=["xs"]).map("m", double, over="xs").output("m")
    return Example(af.Flow("f").map("m", row, over=[[1, 2], [], [3]]).output("m"))


def loop_of_an_activity() -> Example:
    """A loop that counts."""
    flow = af.Flow("f").loop("l", increment, until=lambda i, p, n: n >= 4).output("l")
    return Example(flow)


def loop_of_a_flow() -> Example:
    """A loop whose body sleeps and waits."""
    body = (
        af.Flow("body", inputs=["last"])
        .sleep(60)
        .wait_signal("go", into="got")
        .then(increment, input={"value": "${last}"}, into="n")
        .output("n")
    )
    flow = af.Flow("f").loop("l", body, max_iterations=3).output("l")
    return Example(flow, signals={"go": [1, 2, 3]})


def loop_that_is_too_long() -> Example:
    """A loop that ends in an error."""
    flow = af.Flow("f").loop("l", increment, max_iterations=3, on_max="error")
    return Example(flow)


def route_to_a_flow() -> Example:
    """A route whose choice waits."""
    choice = af.Flow("choice", inputs=["n"]).wait_signal("go", into="x").output("x")
    flow = (
        af.Flow("f", inputs=["n"])
        .route("str(n)", {"1": choice}, default=returning("other"))
        .output("route")
    )
    return Example(flow, inputs={"n": 1}, signals={"go": "now"})


def decisions() -> Example:
    """Blocks three deep."""
    flow = (
        af.Flow("f", inputs=["n"])
        .when("n > 0")
        .when("n > 1")
        .when("n > 2")
        .then(returning("big"), into="r")
        .otherwise()
        .sleep(60)
        .then(returning("two", "two"), into="r")
        .end()
        .then(echo, input={"value": "${r}!"}, into="r")
        .end()
        .end()
        .output("r")
    )
    return Example(flow, inputs={"n": 2})


def late_signal() -> Example:
    """A wait whose time is over."""
    flow = (
        af.Flow("f")
        .wait_signal("go", timeout=60, on_timeout=returning("late", 9), into="x")
        .then(double, input={"value": "${x}"})
        .output("double")
    )
    return Example(flow)


def gate_that_decides_itself() -> Example:
    """A gate that nobody answers."""
    flow = (
        af.Flow("f")
        .gate("ok", timeout=60, default=True)
        .when("ok.approved")
        .then(returning("a", "yes"), into="r")
        .end()
        .output("r")
    )
    return Example(flow)


def nested_flows() -> Example:
    """Flows three deep, with work on every level."""
    third = af.Flow("c", inputs=["n"]).sleep(1).then(double, input={"value": "${n}"})
    second = (
        af.Flow("b", inputs=["n"])
        .then(increment, input={"value": "${n}"}, into="n2")
        .then(third.output("double"), input={"n": "${n2}"}, into="c")
        .output("c")
    )
    first = (
        af.Flow("a", inputs=["n"])
        .then(second, into="b")
        .then(increment, input={"value": "${b}"})
        .output("increment")
    )
    return Example(first, inputs={"n": 1})


def everything() -> Example:
    """A map of routes to loops of parallels."""
    arms = (
        af.Flow("arms", inputs=["value"])
        .parallel("p", double, increment)
        .then(echo, input={"value": "${p.increment}"})
        .output("echo")
    )
    looping = (
        af.Flow("looping", inputs=["n"])
        .loop("l", arms, input="n", max_iterations=2)
        .output("l")
    )
    body = (
        af.Flow("body", inputs=["n"])
        .route("str(n % 2)", {"0": looping}, default=returning("odd", "odd"))
        .output("route")
    )
    return Example(
        af.Flow("f").map("m", body, over=[0, 1, 2], max_concurrency=2).output("m")
    )


@af.dynamic
async def twice_by_activity(ctx: af.Context, n: int) -> int:
    """Double by way of an activity, after a while."""
    await asyncio.sleep(10 * n)  # noqa: TID251 - durable, inside a dynamic node
    result: int = await ctx.run(double, n)
    return result


def dynamic_nodes() -> Example:
    """A map and a loop of dynamic nodes."""
    flow = (
        af.Flow("f")
        .map("m", twice_by_activity, over=[1, 2])
        .loop("l", twice_by_activity, input="sum(m)", max_iterations=2)
        .output("m", "l")
    )
    return Example(flow)


EXAMPLES: dict[str, tuple[Callable[[], Example], Any]] = {
    "sequence": (sequence, {"double": 4, "echo": "now"}),
    "parallel": (parallel, {"double": 4, "sleeps": 1, "waits": "now"}),
    "parallel that fails": (parallel_that_fails, "failed"),
    "parallel that continues": (parallel_that_continues, [True, False, True]),
    "parallel that fails fast": (parallel_that_fails_fast, "failed"),
    "map of activities": (map_of_activities, [0, 2, 4, 6, 8, 10]),
    "map one after the other": (map_one_after_the_other, [0, 2, 4, 6]),
    "map with retries": (map_with_retries, [0, 1, 2]),
    "map of flows": (map_of_flows, [1, 3, 5]),
    "map that fails": (map_that_fails, "failed"),
    "map of maps": (map_of_maps, [[2, 4], [], [6]]),
    "loop of an activity": (loop_of_an_activity, 4),
    "loop of a flow": (loop_of_a_flow, 3),
    "loop that is too long": (loop_that_is_too_long, "failed"),
    "route to a flow": (route_to_a_flow, {"key": "1", "result": "now"}),
    "decisions": (decisions, "two!"),
    "late signal": (late_signal, 18),
    "gate": (gate_that_decides_itself, "yes"),
    "nested flows": (nested_flows, 5),
    "dynamic nodes": (dynamic_nodes, {"m": [2, 4], "l": 24}),
    "everything": (
        everything,
        [
            {"key": "0", "result": 2},
            {"key": "1", "result": "odd"},
            {"key": "0", "result": 4},
        ],
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("make", "expected"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_it_ends_the_same_whenever_the_process_dies(
    make: Callable[[], Example], expected: Any, seed: int
) -> None:
    """Before and after every write, in any order of what is concurrent."""
    example = make()
    report = Simulation(
        example.flow, inputs=example.inputs, signals=example.signals, seed=seed
    ).crash_everywhere()

    assert report.points > 0
    assert (
        report.end.output if expected != "failed" else report.end.status
    ) == expected


@pytest.mark.parametrize("body", ["activity", "flow"])
@pytest.mark.parametrize("step", ["map", "parallel"])
def test_a_race_to_fail_fast_ends_the_same(step: str, body: str) -> None:
    """Whoever is first, started or not, the one failure is the execution's."""
    for seed in range(40):
        end = Simulation(racing(step, body), seed=seed).run()

        assert (end.status, end.error) == ("failed", "activity_failed: two is bad")


def racing(step: str, body: str) -> af.Flow:
    """Make a step of which one part fails while others begin, run and end."""
    flow = af.Flow("f")
    if step == "map":
        inner = af.Flow("b", inputs=["n"]).then(unless_two, input={"n": "${n}"})
        node = inner if body == "flow" else unless_two
        return flow.map("m", node, over=range(6), on_error="fail_fast")
    arms = [
        arm(n)
        if body == "flow"
        else af.activity(name=f"a{n}")(lambda n=n: unless_two(n))
        for n in range(6)
    ]
    return flow.parallel("p", *arms, on_error="fail_fast")


def arm(n: int) -> af.Flow:
    """Make a flow of one step."""
    return af.Flow(f"f{n}").then(unless_two, input={"n": n})
