"""What does a dynamic node cost: a call, a yield, its memory, and its coming back?

    python -m benchmarks.bench_dynamic [--quick] [--json FILE] [--durability process]

A call is measured against a graph's step (its "floor"): 100 of either, one after the
other, each durable before the next begins. Memory is what Python has allocated for
nodes that wait for a signal, all in memory, nothing passivated: each in an execution
of its own, and all in one; then what is left when that has left memory. That so many
begin to wait in linear time shows beside a tenth as many.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import actorflow as af
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import VirtualClock, runtime
from benchmarks.bench_chain import STEPS, chain, increment
from benchmarks.common import Figure, Options, report, usage

CALLS, QUICK_CALLS = 10_000, 2_000
NODES, QUICK_NODES = 10_000, 2_000
AT_ONCE, QUICK_AT_ONCE = 100_000, 10_000
LONG = 3_600.0
"""Seconds after which nodes that wait leave memory: not while anything is measured."""
YIELDS = 5_000


@af.dynamic
async def calls(ctx: af.Context, count: int) -> int:
    """Call one after the other."""
    n = 0
    for _ in range(count):
        n = await ctx.run(increment, n)
    return n


@af.dynamic
async def history(ctx: af.Context, count: int) -> int:
    """Call many, some at a time, and wait."""
    total = 0
    for first in range(0, count, 100):
        batch = (ctx.run(increment, n) for n in range(first, first + 100))
        total += sum(await asyncio.gather(*batch))
    await ctx.wait_signal("go")
    return total


@af.dynamic
async def waiting(ctx: af.Context) -> None:
    """Wait."""
    await ctx.wait_signal("go")


@af.dynamic
async def waits(ctx: af.Context, _: int) -> None:
    """Wait, as one of many."""
    await ctx.wait_signal("go")


@af.dynamic
async def together(ctx: af.Context, count: int) -> None:
    """Have many nodes that wait."""
    await ctx.map(waits, range(count))


@af.dynamic
async def sleeps(ctx: af.Context, _: int) -> None:
    """Sleep, as one of many."""
    await ctx.sleep(100 * LONG)


@af.dynamic
async def asleep(ctx: af.Context, count: int) -> None:
    """Have many nodes that sleep."""
    await ctx.map(sleeps, range(count))


@af.dynamic
async def asks(ctx: af.Context, _: int) -> None:
    """Ask, as one of many."""
    await ctx.ask("Really?")


@af.dynamic
async def asked(ctx: af.Context, count: int) -> None:
    """Have many nodes that ask."""
    await ctx.map(asks, range(count))


@af.dynamic
async def child(ctx: af.Context, n: int) -> int:
    """Do one thing."""
    return int(await ctx.run(increment, n))


@af.dynamic
async def parent(ctx: af.Context, count: int) -> int:
    """Map a node over numbers."""
    return sum(await ctx.map(child, range(count)))


@af.dynamic
async def talking(ctx: af.Context, count: int) -> None:
    """Yield."""
    for n in range(count):
        await ctx.emit(n)


def _against_steps(options: Options) -> Figure:
    figure = Figure("100 calls, against 100 steps", "s", goal=1.5)
    graph = chain(STEPS)
    path = options.directory / "calls.db"
    with af.Runtime(path, [graph, calls], durability=options.durability) as rt:
        rt.start(graph).result()
        rt.start(calls, count=STEPS).result()
        for _ in range(options.rounds):
            began = time.perf_counter()
            rt.start(graph).result()
            between = time.perf_counter()
            rt.start(calls, count=STEPS).result()
            figure.add(time.perf_counter() - between, between - began)
    return figure


def _coming_back(options: Options) -> Figure:
    count = QUICK_CALLS if options.quick else CALLS
    figure = Figure(f"resume after {count} recorded calls", "s", goal=1.0)
    for number in range(min(options.rounds, 3)):
        path = Path(options.directory, f"resume{number}.db")
        with af.Runtime(path, [history], durability=options.durability) as rt:
            rt.start(history, count=count, execution_id="n").wait()
        with af.Runtime(path, [history], durability=options.durability) as rt:
            began = time.perf_counter()
            rt.signal("n", "go")
            rt.get("n").result()
            figure.add(time.perf_counter() - began)
    return figure


@contextmanager
def _traced() -> Iterator[Callable[[], int]]:
    """Give what tells the bytes that were allocated meanwhile, and are kept."""

    def kept() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    gc.collect()
    tracemalloc.start(1)
    yield kept
    tracemalloc.stop()


def _memory(options: Options) -> Figure:
    count = QUICK_NODES if options.quick else NODES
    figure = Figure(f"memory of {count} executions of a node, each", "bytes")
    path = options.directory / "waiting.db"
    with af.Runtime(
        path,
        [waiting],
        durability=options.durability,
        passivate_after=LONG,
        max_resting=10 * count,
    ) as rt:
        for _ in range(100):
            rt.start(waiting).wait()
        with _traced() as kept:
            for _ in range(count):
                rt.start(waiting)
            rt.start(waiting).wait()
            figure.add(kept() / count)
    return figure


def _memory_at_once(options: Options) -> list[Figure]:
    return [
        figure
        for what, node in (("wait", together), ("sleep", asleep), ("ask", asked))
        for figure in _memory_before_and_after(options, what, node)
    ]


def _memory_before_and_after(
    options: Options, what: str, node: Any
) -> tuple[Figure, Figure]:
    count = QUICK_AT_ONCE if options.quick else AT_ONCE
    before = Figure(f"memory of {count} nodes that {what}, each", "bytes", goal=4_000)
    after = Figure(f"what is left of those that {what}, each", "bytes", goal=100)
    clock = VirtualClock()  # an hour passes at once
    log = SQLiteLog(options.directory / f"{what}.db", clock=clock.time)
    with runtime(node, log=log, clock=clock, passivate_after=LONG) as rt:
        rt.start(node, count=100).wait()
        with _traced() as kept:
            rt.start(node, count=count).wait()
            before.add(kept() / count)
            clock.advance(2 * LONG)
            after.add(kept() / count)
    return before, after


def _time_at_once(options: Options) -> Figure:
    count = QUICK_AT_ONCE if options.quick else AT_ONCE
    figure = Figure(f"CPU of one of {count}, or of a tenth", "us", goal=2.0)
    with af.Runtime(
        options.directory / "together.db",
        [together],
        durability=options.durability,
        passivate_after=LONG,
    ) as rt:
        rt.start(together, count=100).wait()
        few, many = (_cpu(rt, n) / n * 1e6 for n in (count // 10, count))
        figure.add(many, few)
    return figure


def _cpu(rt: af.Runtime, count: int) -> float:
    with usage() as used:
        rt.start(together, count=count).wait()
    return used.cpu


def _yielding(options: Options) -> Figure:
    figure = Figure("yields of one node", "1/s", more_is_better=True)
    path = options.directory / "yields.db"
    with af.Runtime(path, [talking], durability=options.durability) as rt:
        for _ in range(min(options.rounds, 5)):
            began = time.perf_counter()
            rt.start(talking, count=YIELDS).result()
            figure.add(YIELDS / (time.perf_counter() - began))
    return figure


def _fanning_out(options: Options) -> Figure:
    count = QUICK_CALLS if options.quick else CALLS
    figure = Figure("dynamic children of one node", "1/s", more_is_better=True)
    path = options.directory / "parents.db"
    with af.Runtime(path, [parent], durability=options.durability) as rt:
        rt.start(parent, count=10).result()
        for _ in range(options.rounds):
            began = time.perf_counter()
            rt.start(parent, count=count).result()
            figure.add(count / (time.perf_counter() - began))
    return figure


def measure(options: Options) -> list[Figure]:
    """Measure one after the other."""
    return [
        _against_steps(options),
        _coming_back(options),
        _memory(options),
        *_memory_at_once(options),
        _time_at_once(options),
        _yielding(options),
        _fanning_out(options),
    ]


if __name__ == "__main__":
    report(__doc__, measure)
