"""How fast do 1,000 executions of 3 steps begin and end, started by 16 threads at once?

    python -m benchmarks.bench_start [--quick] [--json FILE] [--durability process]

The floor writes the very same rows by `executemany`, 1,000 to a transaction; starting
returns when the start is durable, so the threads wait for commits that they share.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import actorflow as af
from benchmarks.bench_chain import chain
from benchmarks.common import Figure, Options, floor_in, report, rows_of, usage

EXECUTIONS = 1_000
THREADS = 16


def measure(options: Options) -> list[Figure]:
    """Start crowds, each between two of the floor's."""
    count = EXECUTIONS // 5 if options.quick else EXECUTIONS
    rate = Figure("executions of 3 steps", "1/s", more_is_better=True)
    cpu = Figure("CPU of an execution", "us")
    latency = Figure("a start, against a commit", "ms")
    path, workflow = options.directory / "log.db", chain(3)
    with (
        floor_in(options) as floor,
        af.Runtime(path, [workflow], durability=options.durability) as rt,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        rt.start(workflow, execution_id="one").result()
        rows = rows_of(path, "one") * count
        for _ in range(options.rounds):
            one = floor.commits(1)
            with usage() as alone:
                run = rt.start(workflow)
            latency.add(alone.seconds * 1e3, one * 1e3)
            run.result()
            raw = floor.in_thousands(rows)
            with usage() as used:
                runs = list(pool.map(lambda _: rt.start(workflow), range(count)))
                for run in runs:
                    run.result()
            raw = (raw + floor.in_thousands(rows)) / 2
            rate.add(count / used.seconds, count / raw)
            cpu.add(used.cpu / count * 1e6)
    return [rate, cpu, latency]


if __name__ == "__main__":
    report(__doc__, measure)
