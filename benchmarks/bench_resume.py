"""How long until an execution of 10,000 completed steps goes on in a new process?

    python -m benchmarks.bench_resume [--quick] [--json FILE]

A process is killed in the step after them. New ones open its log: timed is from opening
to the end of the execution, that last step and its commits included, less what opening
a log takes that has nothing in it; then the whole process, with its start, its imports
and the definition.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from itertools import pairwise
from pathlib import Path

import actorflow as af
from benchmarks.common import Figure, Options, elsewhere, report

STEPS = 10_000
SHAPES = ("a cycle of one step", "a row of distinct steps")
DIES = "ACTORFLOW_BENCH_DIES"


def increment(n: int) -> int:
    """Do next to nothing."""
    return n + 1


def last(n: int) -> int:
    """Be where the first process dies."""
    if DIES in os.environ:
        os._exit(0)
    return n


def workflow(shape: str) -> af.Workflow:
    """Return a graph that takes 10,000 steps and then the last."""
    end = af.Step("last", activity=last, parameters={"n": "${state.n}"}, store="n")
    steps = _cycle() if shape == SHAPES[0] else _row()
    return af.Workflow(
        "long", state={"n": 0}, steps=[*steps, end], outputs=[af.Output("n")]
    )


def _cycle() -> list[af.Step]:
    again = af.Edge("step", when=f"state.n < {STEPS}")
    return [_step("step", [again, af.Edge("last")])]


def _row() -> list[af.Step]:
    names = [*(f"step{number}" for number in range(STEPS)), "last"]
    return [_step(name, [af.Edge(after)]) for name, after in pairwise(names)]


def _step(name: str, edges: list[af.Edge]) -> af.Step:
    return af.Step(
        name,
        activity=increment,
        parameters={"n": "${state.n}"},
        store="n",
        next=edges,
        edges="first",
    )


# -- in processes of their own ---------------------------------------------------------


def run_until_dead(path: str, shape: str) -> None:
    """Take all steps but the last."""
    with af.Runtime(path, [workflow(shape)], durability="process") as rt:
        rt.start("long", execution_id="long").result()


def resume(path: str, shape: str) -> None:
    """Go on, and print the seconds that took, and what opening an empty log takes."""
    definition = workflow(shape)
    opened = 0.0
    for _ in range(2):  # at first, modules are imported and the file is made
        began = time.perf_counter()
        with af.Runtime(f"{path}.empty", [definition]):
            opened = time.perf_counter() - began
    began = time.perf_counter()
    with af.Runtime(path, [definition]) as rt:
        assert rt.get("long").result() == {"n": STEPS}
        print(json.dumps({"open": opened, "done": time.perf_counter() - began}))


# -- in this one -----------------------------------------------------------------------


def measure(options: Options) -> list[Figure]:
    """Let one process die for each shape, then resume copies of what it left."""
    figures = []
    for number, shape in enumerate(SHAPES):
        resumed = Figure(f"{shape}: beyond opening", "s", goal=0.1)
        opened = Figure(f"{shape}: opening", "s")
        whole = Figure(f"{shape}: process", "s")
        left = options.directory / f"left{number}"
        left.mkdir()
        _process("run_until_dead", left, shape, **{DIES: "1"})
        for each in range(options.rounds):
            copy = options.directory / f"copy{number}-{each}"
            shutil.copytree(left, copy)
            began = time.perf_counter()
            said = json.loads(_process("resume", copy, shape))
            whole.add(time.perf_counter() - began)
            opened.add(said["open"])
            resumed.add(said["done"] - said["open"])
            shutil.rmtree(copy)
        figures += [resumed, opened, whole]
    return figures


def _process(what: str, where: Path, shape: str, **environment: str) -> str:
    return elsewhere("bench_resume", what, where / "log.db", shape, **environment)


if __name__ == "__main__":
    if sys.argv[1:2] in (["run_until_dead"], ["resume"]):
        globals()[sys.argv[1]](*sys.argv[2:])
    else:
        report(__doc__, measure)
