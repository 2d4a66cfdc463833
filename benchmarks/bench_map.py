"""How long does a map over 10,000 trivial items take?

    python -m benchmarks.bench_map [--quick] [--json FILE] [--durability process]

The floor writes the very same rows by `executemany`, 1,000 to a transaction: once into
a table like ours, with its checks, and once into one without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import actorflow as af
from benchmarks.common import (
    OUR_TABLE,
    Figure,
    Floor,
    Options,
    floor_in,
    report,
    rows_of,
    usage,
)

ITEMS = 10_000


def increment(n: int) -> int:
    """Do next to nothing."""
    return n + 1


def fan_out() -> af.Workflow:
    """Return a graph of one map."""
    return af.Workflow(
        "fan-out",
        inputs=[af.Input("numbers")],
        steps=[
            af.Step(
                "each",
                map=af.Map(over="inputs.numbers", activity=increment),
                store="all",
            )
        ],
        outputs=[af.Output("all")],
    )


def measure(options: Options) -> list[Figure]:
    """Run maps, each between two of the floor's."""
    seconds = Figure(f"{ITEMS:,} items, our table", "s", goal=6.0)
    bare = Figure(f"{ITEMS:,} items, bare table", "s")
    cpu = Figure("CPU of an item", "us")
    events = Figure("events an item", "", goal=2.0)
    path, workflow = options.directory / "log.db", fan_out()
    with (
        floor_in(options, OUR_TABLE) as floor,
        floor_in(options) as bare_floor,
        af.Runtime(path, [workflow], durability=options.durability) as rt,
    ):
        run = rt.start(workflow, numbers=list(range(ITEMS)))
        run.result()
        rows = rows_of(path, run.id)
        events.add(len(rows) / ITEMS)
        for _ in range(options.rounds):
            before = _both(floor, bare_floor, rows)
            with usage() as used:
                rt.start(workflow, numbers=list(range(ITEMS))).result()
            after = _both(floor, bare_floor, rows)
            seconds.add(used.seconds, (before[0] + after[0]) / 2)
            bare.add(used.seconds, (before[1] + after[1]) / 2)
            cpu.add(used.cpu / ITEMS * 1e6)
    return [seconds, bare, cpu, events]


def _both(one: Floor, other: Floor, rows: Sequence[Any]) -> tuple[float, float]:
    return one.in_thousands(rows), other.in_thousands(rows)


if __name__ == "__main__":
    report(__doc__, measure)
