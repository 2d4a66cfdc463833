"""The mixed load: a workflow of every sort, and what each must come to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from attrs import frozen

import actorflow as af
from benchmarks.soak.ledger import Ledger

SIGNALS = 3
ROUNDS = 5
PATIENCE = af.Retry(max_attempts=20, initial=0.01, factor=1.0)

LEDGER: list[Ledger] = []
"""The one that activities write into, once the process that hosts has put it here."""


def _noted(ctx: af.ActivityContext, function: Callable[[], Any]) -> Any:
    place = (ctx.execution_id, ctx.address, ctx.attempt)
    LEDGER[0].note("begin", *place)
    time.sleep(0.001 * (hash(place) % 5))
    try:
        return function()
    finally:
        LEDGER[0].note("end", *place)


@af.activity
def square(ctx: af.ActivityContext, n: int) -> int:
    """Return the square of a number."""
    return int(_noted(ctx, lambda: n * n))


@af.activity
def total(ctx: af.ActivityContext, values: list[int]) -> int:
    """Return the sum of numbers."""
    return int(_noted(ctx, lambda: sum(values)))


@af.activity
def successor(ctx: af.ActivityContext, n: int) -> int:
    """Return the next number."""
    return int(_noted(ctx, lambda: n + 1))


@af.activity(retry=PATIENCE)
def stubborn(ctx: af.ActivityContext, n: int) -> int:
    """Return a number at the third attempt."""

    def give() -> int:
        if ctx.attempt < SIGNALS:
            raise ConnectionError("try again")
        return n

    return int(_noted(ctx, give))


@af.activity
def undo(ctx: af.ActivityContext, n: int) -> int:
    """Take something back."""
    return int(_noted(ctx, lambda: -n))


@af.activity(compensate=undo)
def reserve(ctx: af.ActivityContext, n: int) -> int:
    """Do what can be taken back."""
    return int(_noted(ctx, lambda: n))


@af.activity
def refuse(ctx: af.ActivityContext, n: int) -> int:
    """Fail for good."""

    def fail() -> int:
        raise af.ActivityError(f"no {n}", type="fatal")

    return int(_noted(ctx, fail))


@af.dynamic
async def tree(ctx: af.Context, n: int) -> int:
    """Run children one by one, at once, and in a map, and sleep in between."""
    first = await ctx.run(square, n)
    others = await asyncio.gather(*(ctx.run(square, n + i) for i in range(3)))
    await asyncio.sleep(0.05)
    await ctx.emit(first)
    mapped = await ctx.map(square, [*range(5)], max_concurrency=2)
    return int(first + sum(others) + sum(mapped))


@frozen
class Sort:
    """A workflow of the load.

    Attributes:
        expected: its output for an input; an exception class if it fails.
    """

    flow: Any
    expected: Callable[[int], Any]


def _sum(ctx: af.ActivityContext, first: int, second: int, third: int) -> list[int]:
    return list(_noted(ctx, lambda: [first, second, third]))


SORTS = {
    "map": Sort(
        af.Flow("map", inputs=["n"])
        .map("squares", square, over=lambda s: [*range(20 + s["n"] % 30)])
        .then(total, input=lambda s: {"values": s["squares"]})
        .output("total")
        .build(),
        lambda n: sum(i * i for i in range(20 + n % 30)),
    ),
    "loop": Sort(
        af.Flow("loop", inputs=["n"])
        .loop(
            "rounds",
            successor,
            input=lambda s: s["n"],
            until=lambda i, _, new: i >= ROUNDS or new < 0,
        )
        .output("rounds")
        .build(),
        lambda n: n + ROUNDS,
    ),
    "signals": Sort(
        af.Flow("signals", inputs=["n"])
        .wait_signal("mail", name="first", into="first")
        .wait_signal("mail", name="second", into="second")
        .wait_signal("mail", name="third", into="third")
        .then(af.activity(_sum), into="sum")
        .output("sum")
        .build(),
        lambda _: [*range(1, SIGNALS + 1)],
    ),
    "tree": Sort(
        af.Flow("trees", inputs=["n"]).then(tree).output("tree").build(),
        lambda n: n * n + sum((n + i) ** 2 for i in range(3)) + 30,
    ),
    "sleep": Sort(
        af.Flow("sleep", inputs=["n"])
        .sleep(0.2)
        .then(successor)
        .sleep(0.1, name="again")
        .output("successor")
        .build(),
        lambda n: n + 1,
    ),
    "retry": Sort(
        af.Flow("retry", inputs=["n"]).then(stubborn).output("stubborn").build(),
        lambda n: n,
    ),
    "undo": Sort(
        af.Flow("undo", inputs=["n"])
        .then(reserve, into="one")
        .then(reserve, into="two", name="reserve-more")
        .then(refuse)
        .build(),
        lambda _: af.ExecutionFailed,
    ),
}
