"""What nodes that wait hold in memory: counted in bytes and objects, never timed."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import VirtualClock, runtime

MANY, FEWER = 300, 100
MOST = 4_000
"""Bytes of a node that waits; at first 3,600 for a signal, 3,830 for an answer, and
3,850 for a time."""


@af.dynamic
async def waiting(ctx: af.Context, _: int) -> Any:
    """Wait for a signal."""
    return await ctx.wait_signal("go")


@af.dynamic
async def sleeping(ctx: af.Context, _: int) -> None:
    """Wait for a time."""
    await ctx.sleep(3_600)


@af.dynamic
async def together(ctx: af.Context, count: int) -> Any:
    """Have many nodes that wait."""
    return await ctx.map(waiting, range(count))


@af.dynamic
async def asleep(ctx: af.Context, count: int) -> Any:
    """Have many nodes that sleep."""
    return await ctx.map(sleeping, range(count))


@af.dynamic
async def asking(ctx: af.Context, _: int) -> Any:
    """Wait for an answer."""
    return await ctx.ask("Really?", schema=bool)


@af.dynamic
async def asked(ctx: af.Context, count: int) -> Any:
    """Have many nodes that ask."""
    return await ctx.map(asking, range(count))


NODES = (together, asleep, asked)


@contextmanager
def _process(path: Path) -> Iterator[af.Runtime]:
    clock = VirtualClock()
    log = SQLiteLog(path, clock=clock.time)  # in a file, which is no memory of nodes
    with runtime(*NODES, log=log, clock=clock, passivate_after=10) as rt:
        for node in NODES:
            rt.start(node, count=10).wait()
        rt.clock.advance(60)
        gc.collect()
        yield rt


def _kinds() -> Counter[str]:
    """Count the objects of ours, and those that coroutines run on."""
    gc.collect()
    names = (f"{type(o).__module__}.{type(o).__qualname__}" for o in gc.get_objects())
    ours = ("actorflow.", "_asyncio.", "builtins.coroutine")
    return Counter(name for name in names if name.startswith(ours))


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_a_waiting_node_takes_less_than_four_kilobytes(
    node: Any, tmp_path: Path
) -> None:
    """Its part of the state, its actor and its coroutine, all of it."""
    with _process(tmp_path / "log.db") as rt:
        tracemalloc.start(1)
        try:
            run = rt.start(node, count=MANY)
            run.wait()
            gc.collect()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(run.state().waits) == MANY
    assert taken / MANY < MOST


def test_a_node_that_has_left_memory_holds_nothing(tmp_path: Path) -> None:
    """No object of it is left, however many there were, and it comes back."""
    with _process(tmp_path / "log.db") as rt:
        before = _kinds()
        run = rt.start(together, count=FEWER)
        run.wait()
        assert _kinds()["actorflow.runtime.dynamic.DynamicActor"] > FEWER
        rt.clock.advance(60)
        assert sum((_kinds() - before).values()) <= 1  # the handle
        for n in range(FEWER):
            run.signal("go", n)
        assert sorted(run.result()) == [*range(FEWER)]
