"""What do lists, iterators and pages cost a map, and how soon does a parallel end?

    python -m benchmarks.bench_flows [--quick] [--json FILE]

Each source gives 100,000 items (the iterator; pages of 100) or 10,000, in a process of
its own. An item of the larger may take 1.3 times as long as one of the smaller. Memory
is what a process needed beyond one that did 1,000 items, less the list of results.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import actorflow as af
from benchmarks.common import Figure, Options, elsewhere, report

FEW, SOME, MANY = 1_000, 10_000, 100_000
A_PAGE = 100
LIST_OF_NUMBERS = 40
"""Bytes an item of the results: a list with a number that nobody shares."""


def increment(n: int) -> int:
    """Do next to nothing."""
    return n + 1


def wait(name: str) -> af.Activity[..., Any]:
    """Make an activity that takes 100 ms."""
    return af.activity(name=name)(lambda: time.sleep(0.1))


def fetch(cursor: int | None, count: int) -> af.Page:
    """Return a page of numbers."""
    first = cursor or 0
    last = min(first + A_PAGE, count)
    return af.Page(list(range(first, last)), last if last < count else None)


def by(make: Callable[[int], Any]) -> Any:
    """Make a flow that maps over what *make* gives."""
    flow = af.Flow("mapped", inputs=["count"])
    return flow.map("all", increment, over=lambda s: make(s["count"])).build()


def numbers(count: int) -> Iterator[int]:
    """Yield numbers."""
    yield from range(count)


FLOWS = {
    "list": by(lambda count: list(range(count))),
    "iterator": by(numbers),
    "pages": af.Flow("mapped", inputs=["count"])
    .paginate("all", fetch, each=sum)
    .build(),
}


def run(source: str, count: int, path: str) -> None:
    """Run one map in this process, and print what it took."""
    flow = FLOWS[source]
    with af.Runtime(path, [flow]) as rt:
        began = time.perf_counter()
        rt.start(flow, count=count).wait(timeout=600)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak_kb": peak}))


def measure(options: Options) -> list[Figure]:
    """Run every source, a process each; then parallels in this one."""
    figures = []
    for source in FLOWS:
        item = Figure(f"{source}: an item of {MANY:,}", "us", goal=1.3)
        memory = Figure(f"{source}: memory for {MANY:,}", "MB", goal=100.0)
        for _ in range(min(3, options.rounds)):
            few, some, many = (
                _apart(source, count, options) for count in (FEW, SOME, MANY)
            )
            item.add(many["seconds"] / MANY * 1e6, some["seconds"] / SOME * 1e6)
            results = MANY * LIST_OF_NUMBERS / 1e6
            memory.add((many["peak_kb"] - few["peak_kb"]) / 1e3 - results)
        figures += [item, memory]
    return [*figures, _parallel(options)]


def _apart(source: str, count: int, options: Options) -> Any:
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        return json.loads(elsewhere("bench_flows", source, count, directory))


def _parallel(options: Options) -> Figure:
    """Measure a parallel of three activities that take 100 ms each."""
    figure = Figure("three times 100 ms at once", "ms", goal=130.0)
    flow = af.Flow("three").parallel("all", *map(wait, "abc")).build()
    with af.Runtime(options.directory / "parallel.db", [flow]) as rt:
        for _ in range(options.rounds):
            began = time.perf_counter()
            rt.start(flow).result(timeout=60)
            figure.add((time.perf_counter() - began) * 1e3)
    return figure


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in FLOWS:
        run(sys.argv[1], int(sys.argv[2]), str(Path(sys.argv[3], "log.db")))
    else:
        report(__doc__, measure)
