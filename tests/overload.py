"""More work than a process has hands for, and how much memory that takes.

    python -m tests.overload --count 100000

Each load has a process of its own. What it took to import everything, and to open a
log, is told apart from what the load took on top.
"""

# ruff: noqa: T201, TID251 - it prints what it has tried, and how long that took

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any

import actorflow as af
from actorflow.log.sqlite import SQLiteLog

CALLERS = 16
DONE: list[int] = []


@af.activity
def note(n: int) -> None:
    """Note that its turn has come."""
    DONE.append(n)


work = af.Flow("work", inputs=["n"]).then(note).build()
rest = af.Flow("rest", inputs=["n"]).wait_signal("go").build()
hears = af.Flow("hears").wait_signal("end").build()


def many(call: Callable[[int], object], count: int) -> None:
    """Make so many calls, from several threads, each when its last has returned."""
    with ThreadPoolExecutor(CALLERS) as callers:
        for first in range(0, count, 1000):  # no list of a hundred thousand futures
            last = min(first + 1000, count)
            wait([callers.submit(call, n) for n in range(first, last)])


def starts(path: Path, count: int) -> None:
    """Start many executions, as fast as the log takes them; all are to end."""
    with af.Runtime(path, definitions=[work], threads=1) as rt:
        many(lambda n: rt.start(work, n=n, execution_id=f"{n}"), count)
        rt.get(f"{count - 1}").result()
        while rt.count(status="completed") < count:
            time.sleep(0.1)
    assert sorted(DONE) == [*range(count)], "each runs once"


def queued(path: Path, count: int) -> None:
    """Put many into the queue; then let a worker take them, few at a time, in order."""
    with af.Runtime(path, definitions=[work]) as rt:
        many(lambda n: rt.submit(work, n=n, execution_id=f"{n}"), count)
    worker = af.Worker(concurrency=20)
    with af.Runtime(path, definitions=[work], worker=worker, threads=1) as rt:
        while rt.count(status="completed") < count:
            time.sleep(0.1)
    late = max((place - n for place, n in enumerate(DONE)), default=0)
    assert sorted(DONE) == [*range(count)], "each runs once"
    assert late <= CALLERS + 2 * worker.concurrency, "the oldest first"


def resting(path: Path, count: int) -> None:
    """Start many that wait for something: they leave memory."""
    with af.Runtime(path, definitions=[rest], max_resting=100) as rt:
        many(lambda n: rt.start(rest, n=n), count)
        while rt.count(status="suspended") < count:
            time.sleep(0.1)


def signals(path: Path, count: int) -> None:
    """Post many signals as another process would, while one execution takes them."""
    with af.Runtime(path, definitions=[hears]) as rt:
        run = rt.start(hears, execution_id="e")
        run.wait()
        with closing(SQLiteLog(path, durability="process")) as other:
            for n in range(count):
                other.post("execution", "e", "signal", {"topic": "drop", "payload": n})
            other.post("execution", "e", "signal", {"topic": "end"})
        run.result()


LOADS: dict[str, Callable[[Path, int], None]] = {
    each.__name__: each for each in (starts, queued, resting, signals)
}


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def carry(load: str, count: int, folder: Path) -> dict[str, float]:
    """Carry a load; return what it took."""
    LOADS[load](folder / "warm.db", 10)
    DONE.clear()
    base, began = peak(), time.perf_counter()
    LOADS[load](folder / "log.db", count)
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "before_mb": round(base),
        "peak_mb": round(peak()),
    }


def carried(load: str, count: int) -> dict[str, Any]:
    """Let another process carry a load; return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        given = [load, str(count), folder]
        command = [sys.executable, "-m", "tests.overload", "--carry", *given]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer


def main() -> None:
    """Read the arguments, and carry every load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--load", choices=list(LOADS), action="append")
    parser.add_argument("--carry", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.carry:
        load, count, folder = given.carry
        print(json.dumps(carry(load, int(count), Path(folder))))
        return
    for load in given.load or LOADS:
        took = carried(load, given.count)
        print(
            f"{given.count} {load}: {took['seconds']} s, "
            f"{took['before_mb']} MB before, at most {took['peak_mb']} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
