"""How large is the log?

    python -m benchmarks.bench_size [--quick] [--json FILE]

What the file grows by, over the events that were recorded, less their payloads (the
JSON in the ``data`` column). It must not depend on how long a history is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import actorflow as af
from benchmarks.bench_chain import chain
from benchmarks.bench_map import fan_out
from benchmarks.common import Figure, Options, report

CHAINS = (1_000, 10_000)
ITEMS = (10_000, 100_000)


def measure(options: Options) -> list[Figure]:
    """Write logs of several lengths."""
    figures = []
    for steps in CHAINS:
        workflow = chain(steps)
        figures.append(_bytes(f"a chain of {steps:,}", options.directory, workflow, {}))
    for items in ITEMS:
        given = {"numbers": list(range(items))}
        figures.append(
            _bytes(f"a map over {items:,}", options.directory, fan_out(), given)
        )
    return figures


def _bytes(
    title: str, directory: Path, workflow: af.Workflow, given: dict[str, Any]
) -> Figure:
    figure = Figure(f"{title}: an event", "bytes", goal=200.0)
    path = directory / f"{title}.db"
    with af.Runtime(path, [workflow], durability="process") as rt:
        rt.start(workflow, **given).result()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    events, payload = connection.execute(
        "SELECT count(*), sum(length(data)) FROM event"
    ).fetchone()
    connection.close()
    figure.add((path.stat().st_size - payload) / events)
    return figure


if __name__ == "__main__":
    report(__doc__, measure)
