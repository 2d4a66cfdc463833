"""How fast is a chain of 100 steps, each durable before the next begins?

    python -m benchmarks.bench_chain [--quick] [--json] [--durability process]

The floor commits one row at a time. A step takes two events (it completed, the next
began) but one commit, which is counted, not estimated.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence

import actorflow as af
from actorflow.log.port import Write
from actorflow.log.sqlite import SQLiteLog
from benchmarks.common import Figure, Floor, Options, floor_in, report

STEPS = 100


class CountingLog(SQLiteLog):
    """Counts its transactions."""

    writes = 0

    def write(self, batch: Sequence[Write]) -> None:
        """Count, then write."""
        self.writes += 1
        super().write(batch)


def increment(n: int) -> int:
    """Do next to nothing."""
    return n + 1


def chain(steps: int) -> af.Workflow:
    """Return a graph of *steps* in a row, each on the result of the one before."""
    last = steps - 1
    return af.Workflow(
        "chain",
        state={"n": 0},
        steps=[
            af.Step(
                f"step{number}",
                activity=increment,
                parameters={"n": "${state.n}"},
                store="n",
                next=[af.Edge(f"step{number + 1}")] if number < last else [],
            )
            for number in range(steps)
        ],
        outputs=[af.Output("n")],
    )


def measure(options: Options) -> list[Figure]:
    """Run chains, each between two halves of the floor's commits."""
    rate = Figure("steps/commits", "1/s", more_is_better=True, goal=0.35)
    commits = Figure("commits a step", "", goal=1.0)
    cpu = Figure("CPU of a step", "us")
    switches = Figure("voluntary switches a step", "")
    log = CountingLog(options.directory / "log.db", durability=options.durability)
    workflow = chain(STEPS)
    with floor_in(options) as floor, af.Runtime(log, [workflow]) as rt:
        rt.start(workflow).result()
        for _ in range(options.rounds):
            _round(rt, log, floor, rate, commits, cpu, switches)
    return [rate, commits, cpu, switches]


def _round(
    rt: af.Runtime,
    log: CountingLog,
    floor: Floor,
    rate: Figure,
    commits: Figure,
    cpu: Figure,
    switches: Figure,
) -> None:
    raw = floor.commits(STEPS)
    writes, before = log.writes, resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    run = rt.start("chain")
    started = log.writes
    assert run.result() == {"n": STEPS}
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    raw = (raw + floor.commits(STEPS)) / 2
