"""How does a fan-out grow, from 1,000 items to 1,000,000?

    python -m benchmarks.bench_growth [--quick] [--json FILE]

Each size is a process of its own. An item of the largest may take 1.3 times as long as
one of 10,000; the memory beyond the results (their list, as the caller gets it) must
stay under a gigabyte. The floor writes as many rows by `executemany`.
"""

from __future__ import annotations

import json
import tempfile
from typing import Any

from benchmarks.common import Figure, Options, elsewhere, report

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = SIZES[:3]
REFERENCE = 10_000
ROUNDS = 3
LIST_OF_NUMBERS = 40
"""Bytes an item of what is measured: a list with a number that nobody shares."""


def measure(options: Options) -> list[Figure]:
    """Run each size several times."""
    sizes = QUICK_SIZES if options.quick else SIZES
    done = {size: [_run(size, options) for _ in range(ROUNDS)] for size in sizes}
    reference = min(each["seconds"] for each in done[REFERENCE]) / REFERENCE
    figures = []
    for size, runs in done.items():
        goal = 1.3 if size > REFERENCE else None
        item = Figure(f"an item of {size:,}", "us", goal=goal)
        for run in runs:
            item.add(run["seconds"] / size * 1e6, reference * 1e6)
        figures.append(item)
    small = min(each["peak_kb"] for each in done[sizes[0]])
    for size, runs in list(done.items())[1:]:
        memory = Figure(f"memory for {size:,}, beyond results", "MB", goal=1_000.0)
        for run in runs:
            results = LIST_OF_NUMBERS * size / 1e6
            memory.add(max(0.0, (run["peak_kb"] - small) / 1e3 - results))
        figures.append(memory)
    return figures


def _run(size: int, options: Options) -> Any:
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        return json.loads(elsewhere("peers", "actorflow", "fan_out", size, directory))


if __name__ == "__main__":
    report(__doc__, measure)
