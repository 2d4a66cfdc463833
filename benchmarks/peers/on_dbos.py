"""DBOS with its SQLite database, whose default (a rollback journal) is durable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbos import DBOS

from benchmarks.peers import WARM_UP


@DBOS.step()
def increment(n: int) -> int:
    """Do next to nothing."""
    return n + 1


@DBOS.step()
async def increment_soon(n: int) -> int:
    """Do the same; its docs fan steps out with asyncio."""
    return n + 1


@DBOS.workflow()
def steps(count: int) -> int:
    """Take steps one after the other."""
    n = 0
    for _ in range(count):
        n = increment(n)
    return n


@DBOS.workflow()
async def gathering(count: int) -> int:
    """Take steps beside each other."""
    return sum(await asyncio.gather(*(increment_soon(n) for n in range(count))))


def chain(directory: Path, count: int) -> float:
    """Call steps in a loop."""
    with _launched(directory):
        steps(WARM_UP)
        began = time.perf_counter()
        steps(count)
        return time.perf_counter() - began


def fan_out(directory: Path, count: int) -> float:
    """Gather steps."""

    async def run() -> float:
        await gathering(WARM_UP)
        began = time.perf_counter()
        await gathering(count)
        return time.perf_counter() - began

    with _launched(directory):
        return asyncio.run(run())


def executions(directory: Path, count: int) -> float:
    """Start workflows; they run on its threads."""
    with _launched(directory):
        _run(WARM_UP)
        began = time.perf_counter()
        _run(count)
        return time.perf_counter() - began


def _run(count: int) -> None:
    for handle in [DBOS.start_workflow(steps, 3) for _ in range(count)]:
        handle.get_result()


@contextmanager
def _launched(directory: Path) -> Iterator[None]:
    config: Any = {
        "name": "bench",
        "system_database_url": f"sqlite:///{directory / 'dbos.sqlite'}",
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    try:
        yield
    finally:
        DBOS.destroy()
