"""What do a million suspended executions in one log cost a runtime that opens it?

    python -m benchmarks.bench_suspended [--quick] [--json FILE]

One execution waits for a signal; its rows are copied by SQL under other names. Then a
process of its own opens the log, and wakes one of them by a signal.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import time
from pathlib import Path

import actorflow as af
from benchmarks.common import Figure, Options, elsewhere, report

COUNTS, QUICK_COUNTS = (1_000, 1_000_000), (1_000, 100_000)
ROUNDS = 3

WAITING = af.Workflow(
    "waiting", steps=[af.Step("wait", wait_signal=af.WaitSignal(topic="go"))]
)


def measure(options: Options) -> list[Figure]:
    """Open logs of either size, each in processes of its own."""
    figures = []
    for count in QUICK_COUNTS if options.quick else COUNTS:
        path = options.directory / f"{count}.db"
        _fill(path, count)
        opened = Figure(f"open a log with {count:,}", "s", goal=1.0)
        woken = Figure("  and wake one of them", "s")
        memory = Figure("  memory", "MB")
        for _ in range(ROUNDS):
            said = _process(path)
            opened.add(said["open"])
            woken.add(said["wake"])
            memory.add(said["peak_kb"] / 1e3)
        figures += [opened, woken, memory]
        path.unlink()
    return figures


def _fill(path: Path, count: int) -> None:
    with af.Runtime(path, [WAITING]) as rt:
        rt.start(WAITING, execution_id="0").wait()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS"  # noqa: S608 - names of our own columns
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO stream SELECT stream.id + i, kind, i, type, head, epoch,"
            " owner, status, wake_at, waits, attributes, fingerprint, created_at + i,"
            " updated_at + i" + _further(connection) + " FROM stream, n",
            (count,),
        )
        connection.execute(
            "INSERT INTO event (stream, seq, address, type, time, data, checksum)"
            " SELECT stream.id, seq, address, event.type, time, data, checksum"
            " FROM stream, event WHERE stream.name <> '0'"
        )
    connection.close()


def _further(connection: sqlite3.Connection) -> str:
    """Return the columns that streams have had since this was written."""
    names = [row[1] for row in connection.execute("PRAGMA table_info(stream)")]
    return "".join(f", {name}" for name in names[14:])


def _process(path: Path) -> dict[str, float]:
    said: dict[str, float] = json.loads(elsewhere("bench_suspended", "open", path))
    return said


def opens(path: str) -> None:
    """Open the log, wake one execution, and print what that took."""
    with sqlite3.connect(path) as connection:
        query = "SELECT name FROM stream WHERE status = 'suspended' LIMIT 1"
        (name,) = connection.execute(query).fetchone()
    began = time.perf_counter()
    with af.Runtime(path, [WAITING]) as rt:
        opened = time.perf_counter() - began
        began = time.perf_counter()
        rt.signal(name, "go")
        rt.get(name).result()
        woken = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"open": opened, "wake": woken, "peak_kb": peak}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["open"]:
        opens(sys.argv[2])
    else:
        report(__doc__, measure)
