"""actorflow, as its own docs say."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import actorflow as af
from benchmarks.bench_chain import chain as chain_of
from benchmarks.bench_map import fan_out as one_map
from benchmarks.peers import THREADS, WARM_UP


def chain(directory: Path, count: int) -> float:
    """Walk a graph of steps."""
    workflow = chain_of(count)
    with af.Runtime(directory / "log.db", [workflow]) as rt:
        rt.start(workflow).result()
        began = time.perf_counter()
        rt.start(workflow).result()
        return time.perf_counter() - began


def fan_out(directory: Path, count: int) -> float:
    """Map an activity over numbers."""
    workflow = one_map()
    with af.Runtime(directory / "log.db", [workflow]) as rt:
        rt.start(workflow, numbers=list(range(WARM_UP))).result()
        began = time.perf_counter()
        rt.start(workflow, numbers=list(range(count))).result()
        return time.perf_counter() - began


def executions(directory: Path, count: int) -> float:
    """Start from threads: a start returns when it is durable."""
    workflow = chain_of(3)
    with (
        af.Runtime(directory / "log.db", [workflow]) as rt,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        rt.start(workflow).result()
        began = time.perf_counter()
        for run in list(pool.map(lambda _: rt.start(workflow), range(count))):
            run.result()
        return time.perf_counter() - began
