"""How long does a map over 10,000 trivial items take?

    python -m benchmarks.bench_map [--quick] [--json] [--durability process]

The floor writes the very same rows by `executemany`, 1,000 to a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import actorflow as af
from benchmarks.common import Figure, Options, floor_in, report, rows_of, usage

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
    seconds = Figure(f"{ITEMS:,} items", "s", goal=6.0)
    cpu = Figure("CPU of an item", "us")
    events = Figure("events an item", "", goal=2.0)
    path, workflow = options.directory / "log.db", fan_out()
    with (
        floor_in(options) as floor,
        af.Runtime(path, [workflow], durability=options.durability) as rt,
    ):
        rows: Sequence[Any] = ()
        for number in range(options.rounds + 1):
            before = floor.in_thousands(rows)
            with usage() as used:
                run = rt.start(workflow, numbers=list(range(ITEMS)))
                run.result()
            rows = rows_of(path, run.id)
            if not number:  # nothing is warm yet
                continue
            raw = (before + floor.in_thousands(rows)) / 2
            seconds.add(used.seconds, raw)
            cpu.add(used.cpu / ITEMS * 1e6)
            events.add(len(rows) / ITEMS)
    return [seconds, cpu, events]


if __name__ == "__main__":
    report(__doc__, measure)
