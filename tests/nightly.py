"""The long hunt: random programs, crash points and kills, with figures at the end.

    python -m tests.nightly --programs 10000 --seeds 5

A program that goes wrong is made as small as possible, and shown with how to see it
again; so is an example that does not survive a crash.
"""

# ruff: noqa: T201, TID251 - it prints what it has tried, and how long that took

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections import Counter
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.damage.flipping import Flipper
from tests.flows.test_simulation import EXAMPLES as SHAPES
from tests.matrix.documents import PAGES, started_by
from tests.matrix.examples import EXAMPLES, simulation
from tests.matrix.killing import kill_everywhere
from tests.programs.checking import Tally, check
from tests.programs.shapes import Shape
from tests.programs.strategies import pauses, programs
from tests.simulation.test_entities import COMMANDS, simulated


def try_programs(wanted: int, leaves: int, seed: int) -> Tally:
    """Try so many programs; raise what the first that goes wrong raises."""
    tally = Tally()

    @seeded(seed)
    @settings(
        max_examples=wanted,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        shape=programs(leaves=leaves),
        x=st.integers(0, 9),
        seed=st.integers(0, 1_000_000),
        pauses=pauses(),
    )
    def one(shape: Shape, x: int, seed: int, pauses: list[tuple[int, int]]) -> None:
        check(shape, x, seed, tally, pauses=pauses)

    one()
    return tally


def tell_programs(tally: Tally) -> None:
    """Print what was tried."""
    print(f"random programs: {tally.programs}, none of them wrong")
    print(f"  {tally.pauses} pauses, of up to 30 s each")
    print(f"  {tally.events} events, {tally.writes} writes, {tally.turns} turns")
    print(f"  live and replayed state compared {tally.compared} times")
    for title, counts in (
        ("ends", tally.ends),
        ("faults", tally.faults),
        ("parts", tally.parts),
    ):
        print(f"  {title}: {sum(counts.values())} ({_listed(counts)})")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def crash_examples(seeds: range) -> None:
    """Crash every example of the pages, of examples/ and of the tests everywhere."""
    simulations: list[Any] = [
        each.simulation for page in PAGES for each in started_by(page)
    ]
    simulations += [partial(simulation, name) for name in EXAMPLES]
    points = sum(
        make(seed).crash_everywhere(turns=True).points
        for make in simulations
        for seed in seeds
    )
    print(
        f"crash points: {points}, in {len(simulations)} examples of the documentation "
        f"with {len(seeds)} seeds each, before and after every write, after every turn"
    )


def plague_shapes(runs: int) -> None:
    """Let everything go wrong in every kind of step."""
    from actorflow.testing import Simulation

    faults: Counter[str] = Counter()
    for make, _ in SHAPES.values():
        example = make()
        simulated = Simulation(
            example.flow, inputs=example.inputs, signals=example.signals
        )
        faults.update(simulated.survive(runs).faults)
    print(
        f"kinds of steps: {len(SHAPES)}, each {runs} times under faults: "
        f"{sum(faults.values())} ({_listed(faults)})"
    )


def serve_banks(runs: int, seed: int) -> None:
    """Let accounts, which are actors of a user, be paid into, taken over and killed."""
    faults: Counter[str] = Counter()
    for each in range(seed, seed + runs):
        faults.update(name.rpartition(" ")[0] for name in simulated(each)[1].struck)
    print(
        f"runs of actors by key: {runs}, of {COMMANDS} commands each, with "
        f"{sum(faults.values())} faults ({_listed(faults)})"
    )


def flip_bytes(wanted: int, seed: int) -> None:
    """Change bytes of every table and index of a log, one at a time."""
    ends: Counter[str] = Counter()
    logging.getLogger("actorflow").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        flipper = Flipper(Path(folder), seed)
        for number, tree in zip(range(wanted), cycle(flipper.all_trees), strict=False):
            ends[flipper.flip(tree, drive=number % 4 == 0)] += 1
    print(
        f"bytes changed: {wanted} of {len(flipper.all_trees) - 1} tables and indexes "
        f"and of the whole file, none of them silently wrong ({_listed(ends)})"
    )
    logging.getLogger("actorflow").setLevel(logging.NOTSET)


def kill_processes() -> None:
    """Kill real processes at every write."""
    kills = 0
    for name in EXAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            kills += kill_everywhere(name, Path(folder))["kills"]
    print(f"kills: {kills} processes of {len(EXAMPLES)} examples, by SIGKILL")


def main() -> None:
    """Read the arguments, and hunt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=10_000)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--leaves", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    given_ = parser.parse_args()
    # Tasks of processes that are killed in a simulation die unheard.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    began = time.perf_counter()
    kill_processes()  # first: it forks, and has no threads yet
    flip_bytes(given_.flips, given_.seed)
    tell_programs(try_programs(given_.programs, given_.leaves, given_.seed))
    serve_banks(given_.seeds * 200, given_.seed)
    plague_shapes(given_.seeds * 10)
    crash_examples(range(given_.seeds))
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
