"""How fast is a chain of 100 steps, each durable before the next begins?

    python -m benchmarks.bench_chain [--quick] [--json FILE] [--durability process]

The floor commits one row at a time. A step takes two events (it completed, the next
began) but one commit, which is counted, not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence

import actorflow as af
from actorflow.log.port import Write
from actorflow.log.sqlite import SQLiteLog
from benchmarks.common import Figure, Options, floor_in, report, usage

STEPS = 100
BESIDES = 2
"""Commits of an execution that no step makes: it begins, its stream is given up."""


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
    """Run chains, each between two of the floor's."""
    rate = Figure("steps, against commits", "1/s", more_is_better=True, goal=0.35)
    commits = Figure(f"commits for {STEPS} steps", "", goal=STEPS + BESIDES)
    cpu = Figure("CPU of a step", "us")
    switches = Figure("waits of threads in a step", "")
    log = CountingLog(options.directory / "log.db", durability=options.durability)
    workflow = chain(STEPS)
    with floor_in(options) as floor, af.Runtime(log, [workflow]) as rt:
        rt.start(workflow).result()
        for _ in range(options.rounds):
            raw, writes = floor.commits(STEPS), log.writes
            with usage() as used:
                rt.start(workflow).result()
            raw += floor.commits(STEPS)
            rate.add(STEPS / used.seconds, 2 * STEPS / raw)
            commits.add(log.writes - writes)
            cpu.add(used.cpu / STEPS * 1e6)
            switches.add(used.switches / STEPS)
    return [rate, commits, cpu, switches]


if __name__ == "__main__":
    report(__doc__, measure)
