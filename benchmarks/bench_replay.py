"""How fast are a million recorded events folded into a state again?

    python -m benchmarks.bench_replay [--quick] [--json FILE]

The floor reads the very same rows in order and decodes their JSON, and does nothing
with them. We verify checksums and numbers, make events of them and apply each.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import orjson

import actorflow as af
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from benchmarks.bench_map import fan_out
from benchmarks.common import COLUMNS, Figure, Options, report

EVENTS, QUICK_EVENTS = 1_000_000, 100_000


def measure(options: Options) -> list[Figure]:
    """Record a large fan-out once; then read it in turn with the floor."""
    figure = Figure("events replayed", "1/s", more_is_better=True, goal=0.4)
    path, workflow = options.directory / "log.db", fan_out()
    count = QUICK_EVENTS if options.quick else EVENTS
    with af.Runtime(path, [workflow], durability="process") as rt:
        run = rt.start(workflow, numbers=list(range(count)))
        run.result()
    for _ in range(min(options.rounds, 3)):
        raw = _decode(path)
        ours = _replay(path, run.id)
        raw = (raw + _decode(path)) / 2
        figure.add(ours, raw)
    return [figure]


def _decode(path: Path) -> float:
    """Return the events a second that are read and decoded, no more."""
    connection = sqlite3.connect(path)
    began, count = time.perf_counter(), 0
    query = f"SELECT {COLUMNS} FROM event ORDER BY stream, seq"  # noqa: S608 - ours
    for row in connection.execute(query):
        orjson.loads(row[5])
        count += 1
    took = time.perf_counter() - began
    connection.close()
    return count / took


def _replay(path: Path, execution: str) -> float:
    with SQLiteLog(path) as log:
        row = log.find("execution", execution)
        assert row is not None
        began, state = time.perf_counter(), ExecutionState()
        for recorded in log.read(row.id):
            apply(state, recorded)
        return state.version / (time.perf_counter() - began)


if __name__ == "__main__":
    report(__doc__, measure)
